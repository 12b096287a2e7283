// Making ordered JSON.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/config_node.h"

namespace signet::config {

/// One value: itself. Several objects: one object with the members of all. Else a list.
nlohmann::ordered_json to_plain_json(const std::vector<const ConfigNode*>& values);

/// Adds a member whose key is new to `object`, without the search of its own insert.
void append_member(nlohmann::ordered_json::object_t& object, std::string key,
                   nlohmann::ordered_json value);

}  // namespace signet::config
