#include "life/run_config.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <strings.h>

#include <nlohmann/json.hpp>

#include "config/reader.h"

namespace signet::kernel {
namespace {

using config::ConfigNode;

constexpr const char* kBlockSchema = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "plugin_cmd": {"type": "string"},
    "plugin_args": {"type": "array", "items": {"type": "string"}},
    "plugin_checksum": {"type": "string"},
    "plugin_data": {},
    "plugin_data_file": {"type": "string"},
    "enabled": {"type": "boolean", "default": true}
  }})";

std::string at(const config::Position& position, const std::string& path,
               const std::string& message) {
  return position.to_string() + ": " + path + ": " + message;
}

std::vector<std::string> type_names(const RoleInfo& role) {
  std::vector<std::string> names;
  for (const auto& type : role.types) names.push_back(type.name);
  return names;
}

// Which shared object serves the block.
Result<std::string> file_of(const PluginBlock& block, const std::string& plugin_cmd,
                            const Catalogue& catalogue) {
  if (plugin_cmd.empty()) return catalogue.find_file(file_for_block(block.type, block.name));
  if (plugin_cmd[0] != '/') return Status::invalid_argument("plugin_cmd must be an absolute path");
  if (!plugin_cmd.ends_with(".so")) {
    return Status::unimplemented(
        "plugin_cmd names an executable; external plugins come later, today it "
        "must name a shared object (.so)");
  }
  return plugin_cmd;
}

// One block; nothing when it is disabled or unsound.
std::optional<PluginBlock> read_block(const config::LabelledBlock& source,
                                      const Catalogue& catalogue, Findings& findings) {
  static const config::Schema kSchema = config::Schema::parse(kBlockSchema).value();
  PluginBlock block;
  block.type = source.labels.at(0);
  block.name = source.labels.at(1);
  block.position = source.position;
  config::CheckOptions options;
  options.path = block.path();
  const config::Checked checked = kSchema.check(source.body, options);
  findings.take(checked);
  if (!checked.ok() || !checked.value.value("enabled", true)) return std::nullopt;

  const auto fail = [&](const std::string& message) {
    findings.errors.push_back(at(block.position, block.path(), message));
    return std::nullopt;
  };
  if (block.name.empty() ||
      block.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789_-") != std::string::npos) {
    return fail("a plugin's name has letters, digits, '_' and '-' only");
  }
  block.pin = checked.value.value("plugin_checksum", "");
  block.data_file = checked.value.value("plugin_data_file", "");
  auto file = file_of(block, checked.value.value("plugin_cmd", ""), catalogue);
  if (!file.ok()) return fail(file.status().message());
  block.file = *file;
  if (!block.data_file.empty()) {
    if (source.body.find("plugin_data") != nullptr)
      return fail("only one of plugin_data and plugin_data_file may be given");
    if (Status s = read_data_file(block); !s.ok()) return fail(s.message());
    return block;
  }
  auto data = config::merged_member(source.body, "plugin_data");
  if (!data.ok()) return fail(data.status().message());
  block.data = data->is_object() ? std::move(data).value() : ConfigNode::object(block.position);
  return block;
}

}  // namespace

Result<ConfigNode> ConfigSource::load() const {
  ConfigNode root = ConfigNode::object(config::named_source("command line"));
  if (!path.empty()) {
    SIGNET_TRY(root, config::load_file(path, expand_env));
  } else if (!text.empty()) {
    SIGNET_TRY(root, config::parse_json(text, "configuration"));
  }
  if (!overrides.empty()) {
    const auto patch = nlohmann::json::parse(overrides, nullptr, false);
    if (!patch.is_object())
      return Status::internal("the command line's settings are not a JSON object");
    config::apply_overrides(root, patch, "command line");
  }
  return root;
}

void Findings::take(const config::Checked& checked) {
  for (const auto& problem : checked.errors) errors.push_back(problem.to_string());
  for (const auto& problem : checked.warnings) warnings.push_back(problem.to_string());
}

Status Findings::status() const {
  if (ok()) return {};
  std::string text;
  for (const std::string& error : errors) text += (text.empty() ? "" : "\n") + error;
  return Status::invalid_argument(std::move(text));
}

std::vector<PluginBlock> read_plugin_blocks(const ConfigNode& root, const RoleInfo& role,
                                            const Catalogue& catalogue, Findings& findings) {
  std::vector<PluginBlock> blocks;
  std::set<std::pair<std::string, std::string>> named;
  auto plugins = config::merged_member(root, "plugins");
  if (!plugins.ok()) {
    findings.errors.push_back(plugins.status().message());
    return blocks;
  }
  if (plugins->is_object()) {
    auto labelled = config::labelled_blocks(*plugins, 2);
    if (!labelled.ok()) {
      findings.errors.push_back(labelled.status().message());
      return blocks;
    }
    for (const auto& source : *labelled) {
      const std::string& type = source.labels.at(0);
      named.emplace(type, source.labels.at(1));
      if (role.type(type) == nullptr) {
        const auto later = role.later.find(type);
        if (later != role.later.end()) {
          findings.warnings.push_back(at(source.position,
                                         "plugins." + type + "." + source.labels.at(1),
                                         "is accepted but has no effect yet: " + later->second));
          continue;
        }
        std::string message = "unknown plugin type";
        if (const std::string near = config::nearest_name(type, type_names(role)); !near.empty()) {
          message += "; did you mean \"" + near + "\"?";
        }
        findings.errors.push_back(at(source.position, "plugins." + type, message));
        continue;
      }
      if (auto block = read_block(source, catalogue, findings)) blocks.push_back(std::move(*block));
    }
  }
  for (const RoleInfo::Default& wanted : role.defaults) {
    if (named.contains({wanted.type, wanted.name})) continue;
    PluginBlock block;
    block.type = wanted.type;
    block.name = wanted.name;
    block.position = config::named_source("default");
    block.data = ConfigNode::object(block.position);
    if (!wanted.settings.empty()) {
      auto settings = config::merged_member(root, wanted.settings);
      if (!settings.ok()) {
        findings.errors.push_back(settings.status().message());
        continue;
      }
      const ConfigNode* const on = settings->is_object() ? settings->find(wanted.when) : nullptr;
      if (on == nullptr || on->text() != "true") continue;
      block.data = std::move(*settings);
    }
    auto file = catalogue.find_file(file_for_block(wanted.type, wanted.name));
    if (!file.ok()) {
      findings.errors.push_back(at(block.position, block.path(), file.status().message()));
      continue;
    }
    block.file = *file;
    blocks.push_back(std::move(block));
  }
  for (const auto& type : role.types) {
    const auto count = std::count_if(blocks.begin(), blocks.end(),
                                     [&](const auto& b) { return b.type == type.name; });
    const auto n = static_cast<unsigned>(count);
    // A block that was refused above has its own message; do not also say that it is missing.
    const bool tried = std::any_of(named.begin(), named.end(),
                                   [&](const auto& p) { return p.first == type.name; });
    if (n < type.min && (findings.ok() || !tried)) {
      findings.errors.push_back(
          root.position().to_string() + ": plugins." + type.name + ": " +
          (type.min == 1 ? "a plugin of this type is required"
                         : std::to_string(type.min) + " plugins of this type are required"));
    }
    if (type.max != 0 && n > type.max) {
      findings.errors.push_back(root.position().to_string() + ": plugins." + type.name + ": only " +
                                std::to_string(type.max) +
                                " plugin of this type may be configured, " + std::to_string(n) +
                                " are");
    }
  }
  return blocks;
}

namespace {

std::shared_ptr<const config::Checked> check_by(const ConfigNode& node, const char* schema,
                                                const std::string& path, Findings& findings) {
  auto parsed = config::Schema::parse(schema);
  if (!parsed.ok()) {
    findings.errors.push_back(path +
                              ": the plugin's schema is unusable: " + parsed.status().message());
    return nullptr;
  }
  config::CheckOptions options;
  options.path = path;
  auto checked = std::make_shared<config::Checked>(parsed->check(node, options));
  findings.take(*checked);
  if (!checked->ok()) return nullptr;
  return checked;
}

constexpr const char* kEmptySchema =
    R"({"type": "object", "additionalProperties": false, "properties": {}})";

}  // namespace

std::shared_ptr<const config::Checked> check_role_config(const ConfigNode& root, const char* schema,
                                                         Findings& findings) {
  ConfigNode own = root;
  std::erase_if(own.members(), [](const auto& member) {
    return member.key.size() == 7 && strcasecmp(member.key.c_str(), "plugins") == 0;
  });
  return check_by(own, schema != nullptr ? schema : kEmptySchema, "", findings);
}

std::shared_ptr<const config::Checked> check_plugin_config(const ConfigNode& node,
                                                           const char* schema,
                                                           const std::string& path,
                                                           Findings& findings) {
  return check_by(node, schema != nullptr ? schema : kEmptySchema, path, findings);
}

Status read_data_file(PluginBlock& block) {
  std::ifstream file(block.data_file, std::ios::binary);
  std::string text(config::kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open())
    return Status::not_found("plugin_data_file " + block.data_file + " cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > config::kMaxBytes)
    return Status::resource_exhausted("plugin_data_file " + block.data_file + " is too large");
  SIGNET_TRY(block.data, config::parse_text(text, block.data_file));
  block.data_hash =
      std::to_string(std::hash<std::string>{}(text)) + ":" + std::to_string(text.size());
  return {};
}

}  // namespace signet::kernel
