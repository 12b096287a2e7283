#include "config/config_node.h"

#include <utility>

#include "ascii.h"

namespace signet::config {

std::string Position::to_string() const {
  std::string out = file ? *file : std::string();
  if (line == 0) return out;
  return out + ":" + std::to_string(line) + ":" + std::to_string(column);
}

Position named_source(std::string_view name) {
  return Position{std::make_shared<const std::string>(name), 0, 0};
}

ConfigNode ConfigNode::null(Position position) {
  ConfigNode node;
  node.position_ = std::move(position);
  return node;
}

ConfigNode ConfigNode::boolean(bool value, Position position) {
  ConfigNode node = null(std::move(position));
  node.type_ = Type::kBool;
  node.integer_ = value ? 1 : 0;
  node.text_ = value ? "true" : "false";
  return node;
}

ConfigNode ConfigNode::integer(std::int64_t value, std::string text, Position position) {
  ConfigNode node = null(std::move(position));
  node.type_ = Type::kInt;
  node.integer_ = value;
  node.text_ = std::move(text);
  return node;
}

ConfigNode ConfigNode::floating(double value, std::string text, Position position) {
  ConfigNode node = null(std::move(position));
  node.type_ = Type::kFloat;
  node.float_ = value;
  node.text_ = std::move(text);
  return node;
}

ConfigNode ConfigNode::string(std::string value, Position position) {
  ConfigNode node = null(std::move(position));
  node.type_ = Type::kString;
  node.text_ = std::move(value);
  return node;
}

ConfigNode ConfigNode::list(Position position) {
  ConfigNode node = null(std::move(position));
  node.type_ = Type::kList;
  return node;
}

ConfigNode ConfigNode::object(Position position) {
  ConfigNode node = null(std::move(position));
  node.type_ = Type::kObject;
  return node;
}

std::string_view ConfigNode::type_phrase() const {
  switch (type_) {
    case Type::kNull:
      return "null";
    case Type::kBool:
      return "a boolean";
    case Type::kInt:
      return "an integer";
    case Type::kFloat:
      return "a number";
    case Type::kString:
      return "a string";
    case Type::kList:
      return "a list";
    case Type::kObject:
      return "an object";
  }
  return "null";
}

void ConfigNode::add(std::string key, Position key_position, ConfigNode value) {
  members_.push_back(Member{std::move(key), std::move(key_position), std::move(value)});
}

const ConfigNode* ConfigNode::find(std::string_view key) const {
  const ConfigNode* other_case = nullptr;
  for (const Member& member : members_) {
    if (member.key == key) return &member.value;
    if (other_case == nullptr && equal_ignoring_case(member.key, key)) other_case = &member.value;
  }
  return other_case;
}

}  // namespace signet::config
