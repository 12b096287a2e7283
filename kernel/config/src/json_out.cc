// ConfigNode to JSON without a schema, and JSON to ConfigNode.
#include "json_out.h"

#include <limits>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/config_node.h"

namespace signet::config {

void append_member(nlohmann::ordered_json::object_t& object, std::string key,
                   nlohmann::ordered_json value) {
  nlohmann::ordered_json::object_t::Container& members = object;
  members.emplace_back(std::move(key), std::move(value));
}

nlohmann::ordered_json to_plain_json(const std::vector<const ConfigNode*>& values) {
  if (values.size() == 1) return values[0]->to_json();
  bool all_objects = true;
  for (const ConfigNode* value : values) all_objects = all_objects && value->is_object();
  if (!all_objects) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const ConfigNode* value : values) list.push_back(value->to_json());
    return list;
  }
  // One pass over the members of all pieces, so that `a { x {} } a { x {} }` joins x too.
  std::vector<std::pair<const std::string*, std::vector<const ConfigNode*>>> groups;
  std::map<std::string_view, std::size_t> index;
  for (const ConfigNode* value : values) {
    for (const ConfigNode::Member& member : value->members()) {
      const auto [at, is_new] = index.emplace(member.key, groups.size());
      if (is_new) groups.push_back({&member.key, {}});
      groups[at->second].second.push_back(&member.value);
    }
  }
  nlohmann::ordered_json::object_t object;
  for (const auto& [key, members] : groups) append_member(object, *key, to_plain_json(members));
  return object;
}

nlohmann::ordered_json ConfigNode::to_json() const {
  switch (type_) {
    case Type::kNull:
      return nullptr;
    case Type::kBool:
      return as_bool();
    case Type::kInt:
      return integer_;
    case Type::kFloat:
      return float_;
    case Type::kString:
      return text_;
    case Type::kList: {
      nlohmann::ordered_json list = nlohmann::ordered_json::array();
      for (const ConfigNode& item : items_) list.push_back(item.to_json());
      return list;
    }
    case Type::kObject:
      break;
  }
  // An object is the join of itself alone; its members may still repeat.
  const ConfigNode empty = object({});
  return to_plain_json({this, &empty});
}

ConfigNode ConfigNode::from_json(const nlohmann::json& json, const Position& position) {
  using Kind = nlohmann::json::value_t;
  switch (json.type()) {
    case Kind::boolean:
      return boolean(json.get<bool>(), position);
    case Kind::number_unsigned:
      if (json.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
        return floating(json.get<double>(), json.dump(), position);
      }
      return integer(json.get<std::int64_t>(), json.dump(), position);
    case Kind::number_integer:
      return integer(json.get<std::int64_t>(), json.dump(), position);
    case Kind::number_float:
      return floating(json.get<double>(), json.dump(), position);
    case Kind::string:
      return string(json.get<std::string>(), position);
    case Kind::array: {
      ConfigNode out = list(position);
      for (const auto& item : json) out.items_.push_back(from_json(item, position));
      return out;
    }
    case Kind::object: {
      ConfigNode out = object(position);
      for (const auto& [key, value] : json.items()) {
        out.add(key, position, from_json(value, position));
      }
      return out;
    }
    case Kind::null:
    case Kind::binary:
    case Kind::discarded:
      break;
  }
  return null(position);
}

}  // namespace signet::config
