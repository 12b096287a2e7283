// Supervisor: starts and stops whole scopes, and the system plugins that all of them use.
//
// A start is all or nothing: what a failed start had begun is stopped in reverse. No lock is
// held while a scope's plugins run, since a role may start further scopes from its own
// start(). System plugins come up one at a time, under a lock of their own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "life/run_config.h"
#include "life/scope.h"

namespace signet::kernel {

class Supervisor {
 public:
  explicit Supervisor(Process& process);

  /// Runs the role in `file` in a new scope. `scope` "" is the role's own choice.
  /// Errors   the plugin and the reason; the configuration's problems one a line
  Status start_role(const PluginFile& file, ConfigSource source, std::string scope = "");
  /// The same by the role plugin's name and a JSON configuration.
  Status start_scope(const std::string& role, const std::string& scope, std::string_view json);
  Status stop_scope(const std::string& scope);

  /// Loads, creates and validates everything; starts nothing.
  Findings validate_role(const PluginFile& file, const ConfigSource& source);
  /// Runs once, between the configuration of the first role's plugins and their start.
  void on_configured(std::function<Status()> fn) { on_configured_ = std::move(fn); }
  /// What the role says of itself; asked once, through an instance made for it alone.
  Result<RoleInfo> describe(const PluginFile& file);

  /// Loads and starts the system plugin that offers `id`, and those that it needs.
  Status ensure_system(const std::string& id);
  /// All of `plugin`'s needs that system plugins offer.
  Status ensure_system_needs(const PluginFile& plugin);

  /// Drains and stops all scopes, the last started first, then the system plugins.
  void stop_all();

  void reload();             // SIGHUP
  void reread_data_files();  // SIGUSR1
  void reopen_logs();        // SIGUSR2

 private:
  struct Run;
  Status prepare(Run& run, Findings& findings, bool effects);
  Status bring_up(Run& run);
  void bring_down(Run& run);
  Status create_instances(Run& run, Findings& findings, bool effects);
  void validate_instances(Run& run, Findings& findings);
  void put_in_order(Run& run, const Catalogue& catalogue, Findings& findings);
  void apply_log(Run& run, Findings& findings, bool effects);
  void reload_run(Run& run);
  void reconfigure(Run& run, std::size_t index, const PluginBlock& next);
  std::vector<std::shared_ptr<Run>> runs() const;

  Process& process_;
  std::function<Status()> on_configured_;
  mutable std::mutex mutex_;  // guards runs_ and described_ only
  std::vector<std::shared_ptr<Run>> runs_;
  std::map<const PluginFile*, RoleInfo> described_;  // a file that was loaded stays so
  std::mutex system_mutex_;                          // one system plugin is brought up at a time
  std::vector<std::shared_ptr<Instance>> system_;    // in start order
  std::mutex reload_mutex_;
};

}  // namespace signet::kernel
