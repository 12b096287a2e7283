// Where the checker is, and how its messages name what it found there.
#pragma once

#include <string>
#include <string_view>

#include "config/config_node.h"
#include "schema_rule.h"

namespace signet::config {

struct Site {
  Position where;       // of the key, or of the list's item
  std::string path;     // for people: `server.ca_ttl`, `list[2]`
  std::string pointer;  // for Checked::positions: "/server/ca_ttl", "/list/2"
  bool secret = false;
  bool is_default = false;  // the schema wrote it, not the file

  Site child(const Position& at, std::string_view key) const;
  Site item(const Position& at, std::size_t index) const;
};

/// The value for a message: cut, printable, and not at all when it is secret.
std::string shown(const ConfigNode& node, const Site& site);

/// "an integer", "true or false".
std::string_view kind_name(Schema::Rule::Kind kind);

}  // namespace signet::config
