// LocalCall: a call object of one's own, for [worker] functions that are reached directly: those of
// the host's services, which no ServiceHandle stands before.
//
//   LocalCall call(host.deadline_in(10s));
//   Status status = call.run([&](signet_call* c) { return api->serve(host.abi(), c, id); });
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "signet/abi/base.h"
#include "signet/host.h"
#include "signet/plugin.h"

namespace signet {

class LocalCall {
 public:
  using OnEmit = std::function<void(uint32_t kind, const void* msg, std::size_t size)>;

  explicit LocalCall(int64_t deadline_ns = INT64_MAX, OnEmit on_emit = {})
      : on_emit_(std::move(on_emit)),
        call_{sizeof(signet_call), 0, ops(), deadline_ns, {nullptr, 0}, this} {}
  /// On behalf of `outer`, which must outlive it: its deadline, and cancelled when it is.
  explicit LocalCall(const Call& outer) : LocalCall(outer.deadline_ns()) { outer_ = &outer; }
  LocalCall(const LocalCall&) = delete;
  LocalCall& operator=(const LocalCall&) = delete;

  /// fn(signet_call*) gives the function's own return value; waits where it is PENDING. Once.
  template <typename F>
  Status run(F&& fn) {
    signet_status code = fn(&call_);
    std::unique_lock lock(mutex_);
    if (code == SIGNET_PENDING) {
      changed_.wait(lock, [this] { return done_; });
      code = code_;
    }
    if (code == SIGNET_OK) return {};
    return Status(static_cast<Code>(code), std::move(message_));
  }

 private:
  static LocalCall& self(const signet_call* call) { return *static_cast<LocalCall*>(call->impl); }
  static const signet_call_ops* ops() {
    static constexpr signet_call_ops kOps = {
        sizeof(signet_call_ops),
        0,
        [](const signet_call* c) -> uint32_t {
          return self(c).outer_ != nullptr && self(c).outer_->cancelled() ? 1 : 0;
        },
        [](signet_call*, void (*)(void*), void*) -> signet_status { return SIGNET_OK; },
        [](signet_call* c, uint32_t kind, const void* msg, size_t size) -> signet_status {
          if (self(c).on_emit_) self(c).on_emit_(kind, msg, size);
          return SIGNET_OK;
        },
        [](signet_call* c, signet_status code, signet_str message) -> signet_status {
          const std::lock_guard lock(self(c).mutex_);
          self(c).message_ = view(message);
          return code;
        },
        [](signet_call* c, signet_status code) {
          LocalCall& call = self(c);
          const std::lock_guard lock(call.mutex_);
          call.code_ = code;
          call.done_ = true;
          call.changed_.notify_all();  // under the lock: run() may destroy the call after it
        }};
    return &kOps;
  }

  const OnEmit on_emit_;
  const Call* outer_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  signet_status code_ = SIGNET_OK;
  std::string message_;
  signet_call call_;
};

}  // namespace signet
