#include "merge.h"

#include <algorithm>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "ascii.h"
#include "cursor.h"

namespace signet::config {
namespace {

Status join(const ConfigNode& value, std::vector<const ConfigNode::Member*>& out) {
  const ConfigNode* bad = collect_members(value, out);
  if (bad == nullptr) return {};
  return error_at(bad->position(), "must be an object, not " + std::string(bad->type_phrase()));
}

Status collect_blocks(const ConfigNode& node, std::size_t depth, std::vector<std::string>& labels,
                      std::map<std::vector<std::string>, Position>& seen,
                      std::vector<LabelledBlock>& out) {
  std::vector<const ConfigNode::Member*> members;
  SIGNET_RETURN_IF_ERROR(join(node, members));
  for (const ConfigNode::Member* member : members) {
    labels.push_back(member->key);
    if (depth > 1) {
      SIGNET_RETURN_IF_ERROR(collect_blocks(member->value, depth - 1, labels, seen, out));
    } else {
      const auto [first, is_new] = seen.emplace(labels, member->key_position);
      const bool several = member->value.is_list() && member->value.items().size() > 1;
      if (!is_new || several) {
        std::string message;
        for (const std::string& label : labels) message += "\"" + label + "\" ";
        message += "is declared more than once";
        if (!is_new) message += ", first at " + first->second.to_string();
        return error_at(member->key_position, message);
      }
      std::vector<const ConfigNode::Member*> body;
      SIGNET_RETURN_IF_ERROR(join(member->value, body));
      LabelledBlock block{labels, member->key_position,
                          ConfigNode::object(member->value.position())};
      for (const ConfigNode::Member* m : body) block.body.members().push_back(*m);
      out.push_back(std::move(block));
    }
    labels.pop_back();
  }
  return {};
}

void patch_object(ConfigNode& target, const nlohmann::json& patch, const Position& source);

// Replaces all of the object's members called `key` by one that holds what they hold.
ConfigNode& single_object_member(ConfigNode& object, const std::string& key,
                                 const Position& source) {
  ConfigNode::Members kept;
  std::size_t index = ConfigNode::Members().max_size();
  for (ConfigNode::Member& member : object.members()) {
    if (!equal_ignoring_case(member.key, key)) {
      kept.push_back(std::move(member));
      continue;
    }
    std::vector<const ConfigNode::Member*> pieces;
    if (collect_members(member.value, pieces) != nullptr) continue;  // a scalar gives way
    if (index >= kept.size()) {
      index = kept.size();
      ConfigNode empty = ConfigNode::object(member.value.position());
      kept.push_back({std::move(member.key), std::move(member.key_position), std::move(empty)});
    }
    for (const auto* piece : pieces) kept[index].value.members().push_back(*piece);
  }
  if (index >= kept.size()) {
    index = kept.size();
    kept.push_back({key, source, ConfigNode::object(source)});
  }
  object.members() = std::move(kept);
  return object.members()[index].value;
}

void patch_object(ConfigNode& target, const nlohmann::json& patch, const Position& source) {
  for (const auto& [key, value] : patch.items()) {
    if (value.is_object()) {
      patch_object(single_object_member(target, key, source), value, source);
      continue;
    }
    std::erase_if(target.members(), [&k = key](const ConfigNode::Member& member) {
      return equal_ignoring_case(member.key, k);
    });
    if (!value.is_null()) target.add(key, source, ConfigNode::from_json(value, source));
  }
}

}  // namespace

const ConfigNode* collect_members(const ConfigNode& value,
                                  std::vector<const ConfigNode::Member*>& out) {
  if (value.is_null()) return nullptr;
  if (value.is_object()) {
    for (const ConfigNode::Member& member : value.members()) out.push_back(&member);
    return nullptr;
  }
  if (!value.is_list()) return &value;
  for (const ConfigNode& item : value.items()) {
    if (const ConfigNode* bad = collect_members(item, out)) return bad;
  }
  return nullptr;
}

Result<ConfigNode> merged_member(const ConfigNode& object, std::string_view key) {
  ConfigNode merged;
  for (const ConfigNode::Member& member : object.members()) {
    if (!equal_ignoring_case(member.key, key) || member.value.is_null()) continue;
    if (merged.is_null()) merged = ConfigNode::object(member.key_position);
    std::vector<const ConfigNode::Member*> pieces;
    SIGNET_RETURN_IF_ERROR(join(member.value, pieces));
    for (const ConfigNode::Member* piece : pieces) merged.members().push_back(*piece);
  }
  return merged;
}

Result<std::vector<LabelledBlock>> labelled_blocks(const ConfigNode& node, std::size_t depth) {
  std::vector<LabelledBlock> out;
  std::vector<std::string> labels;
  std::map<std::vector<std::string>, Position> seen;
  SIGNET_RETURN_IF_ERROR(collect_blocks(node, std::max<std::size_t>(depth, 1), labels, seen, out));
  return out;
}

void apply_overrides(ConfigNode& root, const nlohmann::json& patch, std::string_view source) {
  if (!patch.is_object()) return;
  if (!root.is_object()) root = ConfigNode::object(named_source(source));
  patch_object(root, patch, named_source(source));
}

}  // namespace signet::config
