#include "life/config_file.h"

#include <nlohmann/json.hpp>

#include "config/reader.h"

namespace signet::kernel {
namespace {

using config::ConfigNode;
using nlohmann::ordered_json;

ordered_json object_or_empty(const ConfigNode& node) {
  return node.is_object() ? node.to_json() : ordered_json::object();
}

Result<ordered_json> read_plugin(const config::LabelledBlock& block) {
  SIGNET_TRY(ConfigNode data, config::merged_member(block.body, "plugin_data"));
  const ConfigNode* file = block.body.find("plugin_data_file");
  if (file != nullptr && file->is_string() && !file->text().empty()) {
    SIGNET_TRY(data, config::load_file(file->text(), false));
  }
  return ordered_json{
      {"type", block.labels.at(0)}, {"name", block.labels.at(1)}, {"data", object_or_empty(data)}};
}

}  // namespace

Result<std::string> read_config_file(const std::string& path, bool expand_env) {
  SIGNET_TRY(const ConfigNode root, config::load_file(path, expand_env));
  ordered_json blocks = ordered_json::object();
  ordered_json plugins = ordered_json::array();
  for (const auto& member : root.members()) {
    if (blocks.contains(member.key) || member.key == "plugins") continue;
    if (!member.value.is_object() && !member.value.is_list()) continue;
    SIGNET_TRY(const ConfigNode block, config::merged_member(root, member.key));
    blocks[member.key] = object_or_empty(block);
  }
  SIGNET_TRY(const ConfigNode listed, config::merged_member(root, "plugins"));
  if (listed.is_object()) {
    SIGNET_TRY(const auto labelled, config::labelled_blocks(listed, 2));
    for (const auto& block : labelled) {
      SIGNET_TRY(ordered_json plugin, read_plugin(block));
      plugins.push_back(std::move(plugin));
    }
  }
  return ordered_json{{"blocks", std::move(blocks)}, {"plugins", std::move(plugins)}}.dump();
}

}  // namespace signet::kernel
