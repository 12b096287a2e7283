// Instance: one configured plugin object, "server/KeyManager/disk", and its life.
//
// The kernel calls every life cycle function on a worker and waits for it with a limit, so
// that a plugin that hangs is an error with its name instead of a process that hangs.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "signet/abi/base.h"
#include "signet/status.h"

#include "call/call.h"
#include "config/schema.h"
#include "loader/plugin_file.h"

namespace signet::kernel {

class Scope;

// One finding of validate() or configure().
struct ConfigNote {
  bool error = false;
  std::string pointer;  // JSON pointer, may be ""
  std::string message;
};

class Instance final : public CallOwner, public std::enable_shared_from_this<Instance> {
 public:
  /// Calls the plugin's create().
  /// type     the block's type, such as "KeyManager"; "" for a role, a system plugin or a command
  static Result<std::shared_ptr<Instance>> create(std::shared_ptr<Scope> scope,
                                                  const PluginFile& file, std::string type,
                                                  std::string short_name, std::string full_name);
  ~Instance() override;

  const std::string& type() const { return type_; }
  const std::string& short_name() const { return short_name_; }
  const std::string& full_name() const { return full_name_; }
  const PluginFile& file() const { return file_; }
  const signet_plugin& plugin() const { return *file_.descriptor; }
  Scope& scope() { return *scope_; }
  const signet_host* host() const { return &host_; }
  signet_instance* self() const { return self_; }
  /// How messages name it: `KeyManager "disk"`, or the plugin's name.
  std::string title() const;

  bool offers(std::string_view id) const;
  const void* service(const char* id);
  std::vector<std::string> needs() const;

  /// The plugin's settings, checked: what validate() and configure() are given.
  void set_config(std::shared_ptr<const config::Checked> checked);
  std::shared_ptr<const config::Checked> config() const;
  /// "server.conf:12:3" for a JSON pointer into the settings; valid until they change.
  std::string_view locate(const std::string& json_pointer);

  Status validate(const config::Checked& checked, std::vector<ConfigNote>& notes);
  Status configure(const std::shared_ptr<const config::Checked>& checked,
                   std::vector<ConfigNote>& notes);
  Status start();
  void drain(std::chrono::milliseconds limit);
  void stop();
  void destroy();

  /// Runs `fn` with a call on a worker and waits for the answer. When the process is told to
  /// stop meanwhile (and `stoppable`), the call is cancelled.
  /// Errors   the plugin's own; kDeadlineExceeded when it does not come back
  Status invoke(
      std::string_view what, std::chrono::milliseconds limit, bool stoppable,
      const std::function<signet_status(signet_call*)>& fn,
      const std::function<void(std::uint32_t, const void*, std::size_t)>& on_emit = nullptr);

  Lane& lane() { return *lane_; }
  const std::shared_ptr<Lane>& shared_lane() const { return lane_; }

  // CallOwner
  bool enter() override;
  void leave() override;
  void zombie_born() override;
  void zombie_gone() override;
  void misbehaved(std::string_view what) override;
  TimerQueue& timers() override;
  std::shared_ptr<Lane> callback_lane() override;

 private:
  class LifecycleOwner;
  Instance(std::shared_ptr<Scope> scope, const PluginFile& file, std::string type,
           std::string short_name, std::string full_name);
  bool wait_idle(std::chrono::milliseconds limit);
  void keep_for_ever();

  static constexpr int kMaxZombies = 16;

  const std::shared_ptr<Scope> scope_;
  const PluginFile& file_;
  const std::string type_;
  const std::string short_name_;
  const std::string full_name_;
  signet_host host_{};
  signet_instance* self_ = nullptr;
  std::shared_ptr<Lane> lane_;
  std::shared_ptr<LifecycleOwner> lifecycle_;
  std::atomic<bool> accepting_{false};
  std::atomic<int> in_flight_{0};
  std::atomic<int> zombies_{0};
  bool configured_ = false;
  bool started_ = false;
  bool start_failed_ = false;
  std::atomic<bool> lost_{false};  // a life cycle call never came back
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::shared_ptr<const config::Checked> config_;
  std::map<std::string, std::string> located_;  // answers of locate(), for config_
};

}  // namespace signet::kernel
