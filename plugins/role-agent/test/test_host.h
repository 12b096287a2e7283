// TestHost: a host whose clock stands still until the test moves it and whose workers are the test
// itself: what was posted or became due runs in run(), in order, on the calling thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "signet/abi/rpc.h"
#include "signet/attestor.h"
#include "signet/host.h"
#include "signet/testing/fake_host.h"

#include "rpc-local/blobs.h"

namespace signet::agent::test {

class TestHost {
 public:
  TestHost() {
    host_.struct_size = sizeof host_;
    host_.abi_major = SIGNET_ABI_MAJOR;
    host_.abi_minor = SIGNET_ABI_MINOR;
    host_.impl = this;
    host_.name = "agent/role";
    host_.version = "test";
    host_.get_service = &get_service;
    add_attestor("unix", selectors);
  }
  using Found = std::optional<std::vector<std::string>>;
  /// A workload attestor that finds what `found` holds at that time; nothing: it fails.
  void add_attestor(const std::string& name, const Found& found) {
    offer(SIGNET_WORKLOAD_ATTESTOR, name,
          reinterpret_cast<signet_instance*>(const_cast<Found*>(&found)), attestor());
  }
  /// One more service of a plugin's, under its instance's name.
  void offer(const std::string& id, const std::string& name, signet_instance* instance,
             const void* table) {
    offered_[id].push_back({name, instance, table});
  }
  TestHost(const TestHost&) = delete;
  TestHost& operator=(const TestHost&) = delete;

  Host host() const { return Host(&host_); }
  std::int64_t unix_seconds() const { return wall_ns_ / 1'000'000'000; }

  /// Runs what was posted and every timer that is due, until nothing is left to do now.
  void run() {
    while (true) {
      if (!posted_.empty()) {
        const auto [fn, arg] = posted_.front();
        posted_.pop_front();
        working_ = true;
        fn(arg);
        working_ = false;
        continue;
      }
      const auto due = std::find_if(timers_.begin(), timers_.end(),
                                    [this](const Timer& t) { return t.at <= monotonic_ns_; });
      if (due == timers_.end()) {
        if (pump && pump()) continue;
        return;
      }
      const Timer timer = *due;
      if (timer.period > 0) {
        due->at += timer.period;
      } else {
        timers_.erase(due);
      }
      timer.fn(timer.arg);
    }
  }
  /// Moves both clocks, stopping at each timer on the way.
  /// Somebody sets the clock.
  void set_forward(std::chrono::seconds by) { wall_ns_ += std::chrono::nanoseconds(by).count(); }
  void advance(std::chrono::nanoseconds by) {
    const std::int64_t until = monotonic_ns_ + by.count();
    while (true) {
      run();
      std::int64_t next = until;
      for (const Timer& timer : timers_) next = std::min(next, timer.at);
      if (next >= until) break;
      wall_ns_ += next - monotonic_ns_;
      monotonic_ns_ = next;
    }
    wall_ns_ += until - monotonic_ns_;
    monotonic_ns_ = until;
    run();
  }

  /// Time that passes within a call: nothing runs meanwhile.
  void pass(std::chrono::nanoseconds by) {
    wall_ns_ += by.count();
    monotonic_ns_ += by.count();
  }

  /// A counter's sum or a gauge's value, by its name and the values of its labels, with spaces
  /// between.
  double metric(const std::string& key) {
    const std::lock_guard lock(metrics_mutex_);
    return metrics_[key];
  }

  Found selectors = std::vector<std::string>{"uid:0"};  // by the attestor "unix"
  bool one_worker = false;                              // what a worker posts finds no worker free
  bool no_worker = false;                               // nor does anybody else
  const signet_host_rpc* rpc = nullptr;
  std::function<bool()> pump;  // callbacks of the rpc service; false when there was none
  int quit_code = -1;
  std::string quit_reason;

 private:
  using Fn = void (*)(void*);
  struct Timer {
    std::uint64_t id;
    std::int64_t at;
    std::int64_t period;
    Fn fn;
    void* arg;
  };
  struct Bytes {
    std::atomic<int> references{1};
    std::string bytes;
  };
  static TestHost& self(const signet_host* host) { return *static_cast<TestHost*>(host->impl); }
  static Bytes* bytes(const void* p) { return static_cast<Bytes*>(const_cast<void*>(p)); }
  static void unref(Bytes* b) {
    if (--b->references == 0) delete b;
  }

  static const void* get_service(const signet_host* host, const char* id) {
    const std::string_view wanted = id;
    if (wanted == SIGNET_HOST_CLOCK) return clock();
    if (wanted == SIGNET_HOST_TIMER) return timer();
    if (wanted == SIGNET_HOST_EXECUTOR) return executor();
    if (wanted == SIGNET_HOST_BLOB) return fakes::Blobs::table();
    if (wanted == SIGNET_HOST_SECRET) return secret();
    if (wanted == SIGNET_HOST_SERVICES) return services();
    if (wanted == SIGNET_HOST_LIFECYCLE) return lifecycle();
    if (wanted == SIGNET_HOST_METRICS) return metrics_table();
    if (wanted == SIGNET_HOST_RPC) return self(host).rpc;
    return nullptr;
  }
  static const signet_host_metrics* metrics_table() {
    static constexpr signet_host_metrics kMetrics = {
        sizeof(signet_host_metrics), 0,
        [](const signet_host* h, std::uint32_t kind, signet_str name, double value,
           const signet_field* labels, size_t n) {
          std::string key(view(name));
          for (size_t i = 0; i < n; ++i) key.append(" ").append(view(labels[i].text));
          const std::lock_guard lock(self(h).metrics_mutex_);
          double& series = self(h).metrics_[key];
          series = kind == SIGNET_METRIC_COUNTER ? series + value : value;
        }};
    return &kMetrics;
  }
  static const signet_host_clock* clock() {
    static constexpr signet_host_clock kClock = {
        sizeof(signet_host_clock), 0, [](const signet_host* h) { return self(h).monotonic_ns_; },
        [](const signet_host* h) { return self(h).wall_ns_; }};
    return &kClock;
  }
  static const signet_host_timer* timer() {
    static constexpr signet_host_timer kTimer = {
        sizeof(signet_host_timer), 0,
        [](const signet_host* h, std::int64_t at, std::int64_t period, Fn fn, void* arg,
           std::uint64_t* id) -> signet_status {
          *id = ++self(h).last_id_;
          self(h).timers_.push_back({*id, at, period, fn, arg});
          return SIGNET_OK;
        },
        [](const signet_host* h, std::uint64_t id) {
          self(h).timers_.remove_if([id](const Timer& t) { return t.id == id; });
        }};
    return &kTimer;
  }
  static const signet_host_executor* executor() {
    static constexpr signet_host_executor kExecutor = {
        sizeof(signet_host_executor), 0,
        [](const signet_host* h, Fn fn, void* arg) -> signet_status {
          if (self(h).no_worker || (self(h).one_worker && self(h).working_))
            return SIGNET_RESOURCE_EXHAUSTED;
          self(h).posted_.emplace_back(fn, arg);
          return SIGNET_OK;
        }};
    return &kExecutor;
  }
  static const signet_host_secret* secret() {
    static constexpr signet_host_secret kSecret = {
        sizeof(signet_host_secret),
        0,
        [](const signet_host*, signet_bytes copy, signet_secret** out) {
          auto* b = new Bytes;
          b->bytes = view(copy);
          *out = reinterpret_cast<signet_secret*>(b);
          return static_cast<signet_status>(SIGNET_OK);
        },
        [](const signet_secret* s, void (*fn)(void*, signet_bytes), void* arg) {
          fn(arg, bytes_to_abi(bytes(s)->bytes));
        },
        [](signet_secret* s) { ++bytes(s)->references; },
        [](signet_secret* s) { unref(bytes(s)); }};
    return &kSecret;
  }
  static const signet_host_lifecycle* lifecycle() {
    static constexpr signet_host_lifecycle kLifecycle = {
        sizeof(signet_host_lifecycle), 0,
        [](const signet_host* h, std::int32_t code, signet_str reason) {
          self(h).quit_code = code;
          self(h).quit_reason = view(reason);
        }};
    return &kLifecycle;
  }

  struct Offered {
    std::string name;
    signet_instance* instance = nullptr;
    const void* table = nullptr;
  };
  struct Begun {
    const signet_sink* sink;
    void* arg;
    std::unique_ptr<fakes::FakeCall> call;
  };
  static const signet_workload_attestor* attestor() {
    static constexpr signet_workload_attestor kAttestor = {
        sizeof(signet_workload_attestor), 0,
        [](signet_instance* i, signet_call* c, const signet_workload_peer*) -> signet_status {
          const auto& found = *reinterpret_cast<Found*>(i);
          if (!found) return c->ops->fail(c, SIGNET_UNAVAILABLE, {});
          std::vector<signet_str> spans;
          for (const std::string& value : *found) spans.push_back(to_abi(std::string_view(value)));
          const signet_selectors out = {sizeof(signet_selectors), 0, spans.data(), spans.size()};
          c->ops->emit(c, SIGNET_KIND_SELECTORS, &out, sizeof out);
          return SIGNET_OK;
        }};
    return &kAttestor;
  }
  static const signet_host_services* services() {
    static std::map<signet_call*, Begun> begun;
    static constexpr signet_host_services kServices = {
        sizeof(signet_host_services),
        0,
        [](const signet_host* h, const char* id, signet_str name,
           signet_handle** out) -> signet_status {
          for (Offered& offered : self(h).offered_[id]) {
            if (name.len != 0 && view(name) != offered.name) continue;
            *out = reinterpret_cast<signet_handle*>(&offered);
            return SIGNET_OK;
          }
          return SIGNET_NOT_FOUND;
        },
        [](signet_handle*) {},
        [](const signet_host* h, const char* id, void (*fn)(void*, signet_str), void* arg) {
          for (const Offered& offered : self(h).offered_[id]) fn(arg, to_abi(offered.name));
        },
        [](signet_handle* handle, std::int64_t, const signet_sink* sink, void* arg,
           signet_call** call, signet_instance** instance, const void** table) -> signet_status {
          Begun one{sink, arg, std::make_unique<fakes::FakeCall>([=](auto kind, auto* m, auto n) {
                      if (sink->on_emit) sink->on_emit(arg, kind, m, n);
                    })};
          *call = one.call->abi();
          const auto& offered = *reinterpret_cast<Offered*>(handle);
          *instance = offered.instance;
          *table = offered.table;
          begun.emplace(*call, std::move(one));
          return SIGNET_OK;
        },
        [](signet_call* call, signet_status returned) -> signet_status {
          auto node = begun.extract(call);
          if (node.mapped().sink->on_done) {
            node.mapped().sink->on_done(node.mapped().arg, returned,
                                        to_abi(std::string_view(node.mapped().call->message())));
          }
          return returned;
        },
        [](signet_call*) {}};
    return &kServices;
  }

  signet_host host_{};
  std::map<std::string, std::list<Offered>> offered_;
  bool working_ = false;
  std::int64_t wall_ns_ = 1'700'000'000'000'000'000;
  std::int64_t monotonic_ns_ = 1'000'000'000;
  std::deque<std::pair<Fn, void*>> posted_;
  std::list<Timer> timers_;
  std::mutex metrics_mutex_;  // calls are counted on threads of their own, too
  std::map<std::string, double> metrics_;
  std::uint64_t last_id_ = 0;
};

}  // namespace signet::agent::test
