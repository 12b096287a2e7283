// ScopeUnderTest: one plugin file in a running scope of the real kernel, and the host of the role
// beside it, as whom a suite calls.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdlib.h>
#include <string>

#include <sys/stat.h>

#include "signet/host.h"

#include "life/supervisor.h"
#include "loader/plugin_file.h"

namespace signet::conformance {

struct PluginUnderTest {
  std::string type = {};  // "UpstreamAuthority"
  std::string file = {};  // absolute path of the .so
  std::string config = "{}";
  std::string others = {};  // further plugins that it needs, as JSON: "{\"Type\": {\"name\": {}}}"
  std::string trust_domain = "example.org";
  std::string plugin_dir = SIGNET_PLUGIN_DIR;
  std::string library_dir = SIGNET_BINARY_DIR "/lib";
};

/// What `Type "name"` would be: the file's own name, without its type.
inline std::string plugin_name(const PluginUnderTest& plugin) {
  const std::string stem = std::filesystem::path(plugin.file).stem().string();
  return stem.substr(stem.find('-') + 1);
}

class ScopeUnderTest {
 public:
  explicit ScopeUnderTest(const PluginUnderTest& plugin)
      : process_(new kernel::Process(plugin.library_dir, plugin.plugin_dir,
                                     kernel::LogOutput::Stream::kStderr, SIGNET_LOG_WARN)),
        supervisor_(*process_) {
    std::string pattern = (std::filesystem::temp_directory_path() / "conformance-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    status_ = start(plugin);
  }
  ~ScopeUnderTest() {
    stop();
    remove_folder();
  }
  ScopeUnderTest(const ScopeUnderTest&) = delete;
  ScopeUnderTest& operator=(const ScopeUnderTest&) = delete;

  const Status& status() const { return status_; }  // of the start
  /// As the role.
  Host host() const {
    for (const auto& scope : process_->scopes()) {
      for (const auto& instance : scope->instances()) {
        if (instance->full_name() == "conformance/role") return Host(instance->host());
      }
    }
    return Host();
  }
  /// The plugin's; nullptr when the scope did not start.
  std::shared_ptr<kernel::Instance> instance(std::string_view type) const {
    for (const auto& scope : process_->scopes()) {
      for (const auto& instance : scope->instances()) {
        if (instance->type() == type) return instance;
      }
    }
    return nullptr;
  }
  /// Drains and stops, as the end of a process does.
  void stop() { supervisor_.stop_all(); }
  void remove_folder() { std::filesystem::remove_all(folder_); }

 private:
  Status start(const PluginUnderTest& plugin) {
    SIGNET_RETURN_IF_ERROR(kernel::load_support_libraries(plugin.library_dir));
    SIGNET_TRY(const auto* role,
               kernel::load_plugin(SIGNET_BINARY_DIR "/test/conformance/role-conformance.so", ""));
    const std::string& more = plugin.others;  // its members go beside the plugin's own
    const std::size_t open = more.find('{'), close = more.rfind('}');
    if (!more.empty() && (open >= close || close == std::string::npos)) {
      return Status::invalid_argument("the further plugins are no JSON object: " + more);
    }
    kernel::ConfigSource source;
    source.text = R"({"conformance": {"trust_domain": ")" + plugin.trust_domain +
                  R"(", "data_dir": ")" + folder_.string() + R"(", "log_level": "WARN"}, )" +
                  R"("plugins": {")" + plugin.type + R"(": {")" + plugin_name(plugin) +
                  R"(": {"plugin_cmd": ")" + plugin.file + R"(", "plugin_data": )" + plugin.config +
                  "}}" + (more.empty() ? "" : ", " + more.substr(open + 1, close - open - 1)) +
                  "}}";
    return supervisor_.start_role(*role, std::move(source));
  }

  // Never deleted: plugins may hold on to it after their end.
  kernel::Process* const process_;
  kernel::Supervisor supervisor_;
  std::filesystem::path folder_;
  Status status_;
};

/// The program's one scope, started when it is first asked for. It is never deleted, since plugins
/// may hold on to it; its folder goes when the program ends.
inline ScopeUnderTest& scope_of_program(const PluginUnderTest& plugin) {
  static auto* const scope = new ScopeUnderTest(plugin);
  [[maybe_unused]] static const int registered = std::atexit([] { scope->remove_folder(); });
  return *scope;
}

}  // namespace signet::conformance
