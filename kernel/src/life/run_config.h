// RunConfig: one configuration, taken apart into the role's settings and the plugin blocks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "signet/status.h"

#include "config/config_node.h"
#include "config/schema.h"
#include "life/role_info.h"
#include "loader/catalogue.h"

namespace signet::kernel {

// Where a configuration comes from; read again on SIGHUP.
struct ConfigSource {
  std::string path;  // "" when there is no file
  bool expand_env = false;
  std::string overrides;  // JSON merge patch, or ""
  std::string text;       // JSON of a scope that another role started

  Result<config::ConfigNode> load() const;
};

struct PluginBlock {
  std::string type;
  std::string name;
  config::Position position;
  std::string file;  // absolute path of the shared object
  std::string pin;
  std::string data_file;
  config::ConfigNode data;  // an object; empty when there is none
  std::string data_hash;    // of the data file's text

  std::string title() const { return type + " \"" + name + "\""; }
  std::string path() const { return "plugins." + type + "." + name; }
  bool same_code(const PluginBlock& other) const {
    return file == other.file && pin == other.pin && data_file == other.data_file;
  }
};

struct Findings {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;

  bool ok() const { return errors.empty(); }
  void take(const config::Checked& checked);
  /// All errors, one a line.
  Status status() const;
};

/// The plugin blocks of `root`, with the role's defaults, in file order. What is wrong goes
/// to `findings`; the blocks that are sound are returned all the same.
std::vector<PluginBlock> read_plugin_blocks(const config::ConfigNode& root, const RoleInfo& role,
                                            const Catalogue& catalogue, Findings& findings);

/// Everything but `plugins`, checked by the role's schema.
std::shared_ptr<const config::Checked> check_role_config(const config::ConfigNode& root,
                                                         const char* schema, Findings& findings);

/// `node` checked by a plugin's schema; without a schema only {} passes.
std::shared_ptr<const config::Checked> check_plugin_config(const config::ConfigNode& node,
                                                           const char* schema,
                                                           const std::string& path,
                                                           Findings& findings);

/// Reads block.data_file into block.data and block.data_hash.
Status read_data_file(PluginBlock& block);

}  // namespace signet::kernel
