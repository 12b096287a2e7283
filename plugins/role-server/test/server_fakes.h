// A host with behaviour for tests of the role's parts: its clock stands still until it is moved,
// and its timers fire when told.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "signet/testing/fake_host.h"

#include "memory-keys/memory_keys.h"
#include "memory_datastore.h"

namespace signet::server::testing {

// It has a MemoryDatastore and fakes::MemoryKeys. Its timers run when the test says so, all of
// them, due or not.
class QuietHost {
 public:
  /// shared: the datastore of several servers; null: one of its own.
  explicit QuietHost(MemoryDatastore* shared = nullptr)
      : host_(*fake_.abi()),
        store_(shared != nullptr ? *shared : own_store_),
        keys_(Host(fake_.abi())) {
    host_.get_service = [](const signet_host* h, const char* id) -> const void* {
      if (std::string_view(id) == SIGNET_HOST_TIMER) return timer_table();
      if (std::string_view(id) == SIGNET_HOST_SECRET) return secret_table();
      if (std::string_view(id) == SIGNET_HOST_HEALTH) return health_table();
      if (std::string_view(id) == SIGNET_HOST_METRICS) return metrics_table();
      return fakes::FakeHost("probe").abi()->get_service(h, id);
    };
    fake_.offer(SIGNET_DATASTORE, store_.instance(), MemoryDatastore::table());
    fake_.offer(SIGNET_KEY_MANAGER, keys_.instance(), fakes::MemoryKeys::table());
    set_time(1'700'000'000);
  }
  Host host() const { return Host(&host_); }
  void set_time(std::int64_t seconds) {
    now_ = seconds;
    fake_.set_wall_seconds(seconds);
    fake_.set_monotonic_ns(seconds * 1'000'000'000);
  }
  void advance(std::int64_t seconds) { set_time(now_ + seconds); }
  std::int64_t now() const { return now_; }
  void fire_timers() {
    const auto timers = timers_of(&host_);
    for (const auto& [id, timer] : timers) timer.first(timer.second);
  }
  /// A further service of the scope.
  void offer(const char* id, signet_instance* instance, const void* table) {
    fake_.offer(id, instance, table);
  }
  /// A host service in place of the fake's.
  void serve(const char* id, const void* table) { fake_.serve(id, table); }
  struct Health {
    bool live = false;
    bool ready = false;
    std::string details;
  };
  /// What was last told of a subsystem, and of a metric; by its name and the values of its labels,
  /// with spaces between, a counter's or sample's sum.
  Health health(const std::string& subsystem) const { return health(&host_, subsystem); }
  double metric(const std::string& name) const { return metric(&host_, name); }
  /// The same told by a host that borrows this one's services.
  static Health health(const signet_host* host, const std::string& subsystem) {
    return told_of(host).health[subsystem];
  }
  static double metric(const signet_host* host, const std::string& name) {
    return told_of(host).metrics[name];
  }
  MemoryDatastore& store() { return store_; }
  fakes::MemoryKeys& keys() { return keys_; }

 private:
  using Timers = std::map<std::uint64_t, std::pair<void (*)(void*), void*>>;
  static Timers& timers_of(const signet_host* host) {
    static std::map<const signet_host*, Timers> all;
    return all[host];
  }
  struct Told {
    std::map<std::string, Health> health;
    std::map<std::string, double> metrics;
  };
  static Told& told_of(const signet_host* host) {
    static std::map<const signet_host*, Told> all;
    return all[host];
  }
  static const signet_host_health* health_table() {
    static constexpr signet_host_health kHealth = {
        sizeof(signet_host_health), 0,
        [](const signet_host* h, signet_str subsystem, std::uint32_t live, std::uint32_t ready,
           signet_str details) {
          told_of(h).health[std::string(view(subsystem))] = {live != 0, ready != 0,
                                                             std::string(view(details))};
        },
        nullptr};
    return &kHealth;
  }
  static const signet_host_metrics* metrics_table() {
    static constexpr signet_host_metrics kMetrics = {
        sizeof(signet_host_metrics), 0,
        [](const signet_host* h, std::uint32_t kind, signet_str name, double value,
           const signet_field* labels, size_t n) {
          std::string key(view(name));
          told_of(h).metrics[key] = value;
          for (size_t i = 0; i < n; ++i) key.append(" ").append(view(labels[i].text));
          if (n == 0) return;
          double& series = told_of(h).metrics[key];
          series = kind == SIGNET_METRIC_GAUGE ? value : series + value;
        }};
    return &kMetrics;
  }
  struct SecretBytes {
    std::string bytes;
    int references = 1;
  };
  static SecretBytes* bytes_of(const signet_secret* secret) {
    return reinterpret_cast<SecretBytes*>(const_cast<signet_secret*>(secret));
  }
  static const signet_host_secret* secret_table() {
    static constexpr signet_host_secret kSecrets = {
        sizeof(signet_host_secret),
        0,
        [](const signet_host*, signet_bytes copy, signet_secret** out) -> signet_status {
          *out = reinterpret_cast<signet_secret*>(new SecretBytes{std::string(view(copy))});
          return SIGNET_OK;
        },
        [](const signet_secret* s, void (*fn)(void*, signet_bytes), void* arg) {
          fn(arg, bytes_to_abi(bytes_of(s)->bytes));
        },
        [](signet_secret* s) { ++bytes_of(s)->references; },
        [](signet_secret* s) {
          if (--bytes_of(s)->references == 0) delete bytes_of(s);
        }};
    return &kSecrets;
  }
  static const signet_host_timer* timer_table() {
    static constexpr signet_host_timer kTimers = {
        sizeof(signet_host_timer), 0,
        [](const signet_host* h, std::int64_t, std::int64_t, void (*fn)(void*), void* arg,
           std::uint64_t* id) -> signet_status {
          static std::uint64_t last = 0;
          *id = ++last;
          timers_of(h)[*id] = {fn, arg};
          return SIGNET_OK;
        },
        [](const signet_host* h, std::uint64_t id) { timers_of(h).erase(id); }};
    return &kTimers;
  }
  fakes::FakeHost fake_{"server/role-server"};
  signet_host host_;
  MemoryDatastore own_store_;
  MemoryDatastore& store_;
  fakes::MemoryKeys keys_;
  std::int64_t now_ = 0;
};

}  // namespace signet::server::testing
