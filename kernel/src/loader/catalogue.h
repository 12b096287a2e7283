// Catalogue: what the plugin directory holds, known from notes alone; no plugin code runs.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/status.h"

#include "loader/plugin_file.h"

namespace signet::kernel {

class Catalogue {
 public:
  /// Reads every *.so of `directory`. A file that is refused is kept with its reason and
  /// spoils nothing else.
  /// Errors   the directory itself is missing or not trusted
  static Result<Catalogue> scan(const std::string& directory);

  const std::string& directory() const { return directory_; }
  const std::vector<PluginFile>& plugins() const { return plugins_; }
  const std::vector<std::pair<std::string, Status>>& refused() const { return refused_; }

  const PluginFile* with_command(std::string_view word) const;
  const PluginFile* with_service(std::string_view id) const;
  const PluginFile* named(std::string_view name) const;
  /// All command words, sorted, each once.
  std::vector<std::string> commands() const;

  /// The path of file `name` ("keymanager-disk.so") in the directory.
  /// Errors   kNotFound with the directory and the nearest name there is
  Result<std::string> find_file(const std::string& name) const;

 private:
  std::string directory_;
  std::vector<PluginFile> plugins_;
  std::vector<std::pair<std::string, Status>> refused_;
};

/// `NodeAttestor "k8s_psat"` -> "nodeattestor-k8s-psat.so".
std::string file_for_block(std::string_view type, std::string_view name);

}  // namespace signet::kernel
