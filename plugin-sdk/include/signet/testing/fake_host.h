// A host for tests of one plugin: a call that records what happens to it, and a host whose
// services are given by the test. No threads, no pools: callbacks run on the thread that causes
// them.
//
//   fakes::FakeHost host;
//   host.offer(SIGNET_DATASTORE, "", &instance, &table);
//   MyPlugin plugin(signet::Host(host.abi()), "name");
//   fakes::FakeCall call;
//   signet_status code = table->attest(instance, call.abi(), &peer);
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/host.h"
#include "signet/host.h"

namespace signet::fakes {

class FakeCall {
 public:
  using OnEmit = std::function<void(std::uint32_t kind, const void* msg, std::size_t size)>;

  explicit FakeCall(OnEmit on_emit = {}) : on_emit_(std::move(on_emit)) {
    call_.struct_size = sizeof(call_);
    call_.ops = ops();
    call_.deadline_ns = INT64_MAX;
    call_.impl = this;
  }
  FakeCall(const FakeCall&) = delete;
  FakeCall& operator=(const FakeCall&) = delete;

  signet_call* abi() { return &call_; }
  const std::string& message() const { return message_; }  // words of the last fail()
  /// Is it over after it was PENDING? With this code.
  const std::optional<signet_status>& completed() const { return completed_; }
  /// fn is told when the call completes.
  void on_complete(std::function<void(signet_status)> fn) { on_complete_ = std::move(fn); }
  void cancel() {
    cancelled_ = true;
    if (cancel_fn_ != nullptr) std::exchange(cancel_fn_, nullptr)(cancel_arg_);
  }

 private:
  static FakeCall& self(const signet_call* call) { return *static_cast<FakeCall*>(call->impl); }
  static const signet_call_ops* ops() {
    static constexpr signet_call_ops kOps = {
        sizeof(signet_call_ops),
        0,
        [](const signet_call* c) -> std::uint32_t { return self(c).cancelled_ ? 1 : 0; },
        [](signet_call* c, void (*fn)(void*), void* arg) -> signet_status {
          self(c).cancel_fn_ = fn;
          self(c).cancel_arg_ = arg;
          if (fn != nullptr && self(c).cancelled_) self(c).cancel();
          return SIGNET_OK;
        },
        [](signet_call* c, std::uint32_t kind, const void* msg, std::size_t size) -> signet_status {
          if (self(c).on_emit_) self(c).on_emit_(kind, msg, size);
          return SIGNET_OK;
        },
        [](signet_call* c, signet_status code, signet_str message) -> signet_status {
          self(c).message_ = view(message);
          return code;
        },
        [](signet_call* c, signet_status code) {
          self(c).completed_ = code;
          self(c).cancel_fn_ = nullptr;
          const auto tell = std::move(self(c).on_complete_);
          if (tell) tell(code);  // it may end this call
        },
    };
    return &kOps;
  }

  OnEmit on_emit_;
  std::function<void(signet_status)> on_complete_;
  bool cancelled_ = false;
  std::optional<signet_status> completed_;
  void (*cancel_fn_)(void*) = nullptr;
  void* cancel_arg_ = nullptr;
  std::string message_;
  signet_call call_{};
};

class FakeHost {
 public:
  explicit FakeHost(std::string name = "test/Plugin/fake") : name_(std::move(name)) {
    host_.struct_size = sizeof(host_);
    host_.abi_major = SIGNET_ABI_MAJOR;
    host_.abi_minor = SIGNET_ABI_MINOR;
    host_.impl = this;
    host_.name = name_.c_str();
    host_.version = "test";
    host_.get_service = [](const signet_host* h, const char* id) -> const void* {
      const std::string_view wanted = id;
      const auto served = self(h).served_.find(wanted);
      if (served != self(h).served_.end()) return served->second;
      if (wanted == SIGNET_HOST_SERVICES) return services();
      if (wanted == SIGNET_HOST_CLOCK) return clock();
      if (wanted == SIGNET_HOST_CONFIG) return config();
      return nullptr;
    };
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  const signet_host* abi() const { return &host_; }
  void set_wall_seconds(std::int64_t seconds) { wall_ns_ = seconds * 1'000'000'000; }
  void set_monotonic_ns(std::int64_t ns) { monotonic_ns_ = ns; }
  /// What config.shared() gives: a JSON object.
  void set_shared_settings(std::string json) { shared_ = std::move(json); }
  /// A host service of the test's own, such as a timer that it fires by hand.
  void serve(std::string id, const void* table) { served_[std::move(id)] = table; }
  /// What services.acquire(id, any name) gives from now on; services.list() names it "fake".
  void offer(std::string id, signet_instance* instance, const void* table) {
    offered_[std::move(id)] = {instance, table};
  }

 private:
  struct Offered {
    signet_instance* instance = nullptr;
    const void* table = nullptr;
  };
  struct Pending {  // one begun call
    const signet_sink* sink = nullptr;
    void* arg = nullptr;
    std::unique_ptr<FakeCall> call;

    void done(signet_status code) const {
      if (sink->on_done) sink->on_done(arg, code, to_abi(call->message()));
    }
  };
  static FakeHost& self(const signet_host* host) { return *static_cast<FakeHost*>(host->impl); }
  static const Offered& of(signet_handle* handle) { return *reinterpret_cast<Offered*>(handle); }
  static std::map<signet_call*, Pending>& begun() {
    static thread_local std::map<signet_call*, Pending> calls;
    return calls;
  }

  static signet_status acquire(const signet_host* host, const char* id, signet_str,
                               signet_handle** out) {
    const auto found = self(host).offered_.find(id);
    if (found == self(host).offered_.end()) return SIGNET_NOT_FOUND;
    *out = reinterpret_cast<signet_handle*>(&found->second);
    return SIGNET_OK;
  }
  static signet_status begin(signet_handle* handle, std::int64_t, const signet_sink* sink,
                             void* arg, signet_call** call, signet_instance** instance,
                             const void** table) {
    Pending pending{sink, arg, std::make_unique<FakeCall>([=](auto kind, auto* msg, auto size) {
                      if (sink->on_emit) sink->on_emit(arg, kind, msg, size);
                    })};
    *call = pending.call->abi();
    *instance = of(handle).instance;
    *table = of(handle).table;
    begun().emplace(*call, std::move(pending));
    return SIGNET_OK;
  }
  static signet_status end(signet_call* call, signet_status returned) {
    FakeCall& begun_call = *begun().at(call).call;
    if (returned == SIGNET_PENDING && !begun_call.completed()) {
      begun_call.on_complete([call](signet_status code) { finish(call, code); });
      return SIGNET_PENDING;
    }
    if (returned == SIGNET_PENDING) returned = *begun_call.completed();
    finish(call, returned);
    return returned;
  }
  static void finish(signet_call* call, signet_status code) {
    auto node = begun().extract(call);
    node.mapped().done(code);
  }

  static const signet_host_services* services() {
    static constexpr signet_host_services kServices = {
        sizeof(signet_host_services),
        0,
        &acquire,
        [](signet_handle*) {},
        [](const signet_host* h, const char* id, void (*fn)(void*, signet_str), void* arg) {
          if (self(h).offered_.contains(id)) fn(arg, to_abi(std::string_view("fake")));
        },
        &begin,
        &end,
        [](signet_call* call) {
          const auto found = begun().find(call);
          if (found != begun().end()) found->second.call->cancel();
        },
    };
    return &kServices;
  }
  static const signet_host_clock* clock() {
    static constexpr signet_host_clock kClock = {
        sizeof(signet_host_clock),
        0,
        [](const signet_host* h) { return self(h).monotonic_ns_; },
        [](const signet_host* h) { return self(h).wall_ns_; },
    };
    return &kClock;
  }

  static const signet_host_config* config() {
    static constexpr signet_host_config kConfig = {
        sizeof(signet_host_config),
        0,
        [](const signet_host*, signet_str) { return signet_str{}; },
        [](const signet_host* h) { return bytes_to_abi(self(h).shared_); },
        [](const signet_host*, signet_str, std::uint32_t, signet_blob**) -> signet_status {
          return SIGNET_UNIMPLEMENTED;
        },
    };
    return &kConfig;
  }

  std::string name_;
  std::string shared_ = "{}";
  std::map<std::string, Offered, std::less<>> offered_;
  std::map<std::string, const void*, std::less<>> served_;
  std::int64_t wall_ns_ = 1'700'000'000'000'000'000;
  std::int64_t monotonic_ns_ = 1;
  signet_host host_{};
};

}  // namespace signet::fakes
