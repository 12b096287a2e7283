// Scope: one role's run, and Process: what all scopes share.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signet/abi/host.h"
#include "signet/status.h"

#include "exec/timer_queue.h"
#include "exec/worker_pool.h"
#include "host/metrics.h"
#include "life/instance.h"
#include "life/writes.h"
#include "loader/catalogue.h"
#include "log/log_output.h"

namespace signet::kernel {

class Process;

class Scope {
 public:
  Scope(Process& process, std::string name, std::shared_ptr<LogOutput> log);

  Process& process() { return process_; }
  const std::string& name() const { return name_; }  // "" for the process scope

  /// One atomic read. What it returns lives as long as the scope.
  LogOutput& log() const { return *log_.load(std::memory_order_acquire); }
  std::shared_ptr<LogOutput> shared_log() const;
  void set_log(std::shared_ptr<LogOutput> log);
  void write(std::uint32_t level, std::string_view message,
             const std::vector<LogField>& fields = {});

  void add(std::shared_ptr<Instance> instance);
  void remove(const Instance* instance);
  /// In configuration order.
  std::vector<std::shared_ptr<Instance>> instances() const;

  struct Health {
    bool live = false;
    bool ready = false;
    std::string details;
  };
  void set_health(std::string subsystem, Health health);
  bool ready() const;
  std::map<std::string, Health> health() const;

  void set_shared(std::string json) { shared_ = std::move(json); }
  const std::string& shared() const { return shared_; }

 private:
  Process& process_;
  const std::string name_;
  mutable std::mutex mutex_;
  std::atomic<LogOutput*> log_;
  std::vector<std::shared_ptr<LogOutput>> logs_;  // all there ever were; the last is log_
  std::vector<std::shared_ptr<Instance>> instances_;
  std::map<std::string, Health> health_;
  std::string shared_;  // set before any instance exists
};

class Supervisor;

class Process {
 public:
  /// library_dir  where libsignet-*.so lie; plugin_dir  where plugins lie
  Process(std::string library_dir, std::string plugin_dir, LogOutput::Stream stream,
          std::uint32_t level);
  ~Process();

  const std::string& library_dir() const { return library_dir_; }
  const std::string& plugin_dir() const { return plugin_dir_; }
  /// The plugin directory's notes, read once.
  Result<const Catalogue*> catalogue();

  WorkerPool& pool() { return *pool_; }
  TimerQueue& timers() { return timers_; }
  const std::shared_ptr<Lane>& kernel_lane() { return kernel_lane_; }
  Metrics& metrics() { return metrics_; }
  Writes& writes() { return writes_; }
  const std::shared_ptr<Scope>& system() { return system_; }
  Supervisor& supervisor() { return *supervisor_; }
  void set_supervisor(Supervisor* supervisor) { supervisor_ = supervisor; }

  void add_scope(std::shared_ptr<Scope> scope);
  void remove_scope(const Scope* scope);
  std::vector<std::shared_ptr<Scope>> scopes() const;
  bool many_scopes() const { return scope_count_.load(std::memory_order_relaxed) > 1; }

  /// Asks the main loop to end; the first one counts. Also ends waits for plugins' starts.
  void quit(int code, const std::string& reason);
  /// The code of the first quit(), when there was one.
  std::optional<int> quit_code() const;
  /// Keeps an object that something still uses until the process ends.
  void bury(std::shared_ptr<void> object);
  void request_stop() { stop_requested_.store(true); }
  bool stop_requested() const { return stop_requested_.load(); }
  /// The main loop hears of a quit by this.
  void on_quit(std::function<void(int, const std::string&)> fn);

 private:
  const std::string library_dir_;
  const std::string plugin_dir_;
  TimerQueue timers_;
  std::unique_ptr<WorkerPool> pool_;
  std::shared_ptr<Lane> kernel_lane_;
  Metrics metrics_;
  Writes writes_;
  std::shared_ptr<Scope> system_;
  Supervisor* supervisor_ = nullptr;
  mutable std::mutex mutex_;
  std::unique_ptr<Catalogue> catalogue_;
  std::vector<std::shared_ptr<Scope>> scopes_;
  std::atomic<std::size_t> scope_count_{0};
  std::atomic<bool> stop_requested_{false};
  std::optional<int> quit_code_;
  std::vector<std::shared_ptr<void>> buried_;
  std::function<void(int, const std::string&)> on_quit_;
};

}  // namespace signet::kernel
