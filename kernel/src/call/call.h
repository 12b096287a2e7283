// Call: the host's side of one signet_call.
//
// A call is begun by its caller, runs in a plugin, and ends once: by the plugin function's
// return (sync) or by complete() (after PENDING). Two parties hold it: the caller until it
// has its answer, the plugin until it completed. When the deadline and a grace have passed
// the caller gets DEADLINE_EXCEEDED and the call lives on as a zombie until the plugin lets
// go of it.
//
// Call objects are pooled and their memory is never given back, so a plugin that completes
// twice or emits late meets a call that is known to be over, which is logged, not undefined.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "signet/abi/base.h"
#include "signet/abi/host.h"

#include "exec/timer_queue.h"

namespace signet::kernel {

// Who is called: told when calls start, end and go wrong.
class CallOwner {
 public:
  virtual ~CallOwner() = default;
  /// False: no calls are taken any more.
  virtual bool enter() = 0;
  virtual void leave() = 0;
  virtual void zombie_born() = 0;
  virtual void zombie_gone() = 0;
  virtual void misbehaved(std::string_view what) = 0;
  virtual TimerQueue& timers() = 0;
  virtual std::shared_ptr<Lane> callback_lane() = 0;
};

class Call {
 public:
  static constexpr std::size_t kMaxText = 4096;
  static constexpr std::int64_t kGraceNs = 250'000'000;          // after the deadline
  static constexpr std::int64_t kCancelGraceNs = 5'000'000'000;  // after a cancel

  /// A call on `owner`; null when the owner takes none. `sink` is copied; `arg` must live
  /// until on_done.
  static Call* begin(std::shared_ptr<CallOwner> owner, std::int64_t deadline_ns,
                     const signet_sink* sink, void* arg);
  /// The caller's last word: what the function returned. See host.h, services.end.
  signet_status end(signet_status returned);
  /// The caller gives up: the plugin is told, on_done still comes.
  void cancel();

  signet_call* abi() { return &abi_; }
  static Call* from(signet_call* call) { return call ? static_cast<Call*>(call->impl) : nullptr; }

  Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  friend struct CallOps;
  friend class CallPool;
  enum class Phase : std::uint8_t {
    kFree,      // in the pool
    kRunning,   // the function has not returned
    kPending,   // it returned PENDING, or completed before it returned
    kAnswered,  // zombie: the caller has DEADLINE_EXCEEDED, the plugin still holds the call
  };

  signet_status emit(std::uint32_t kind, const void* msg, std::size_t size);
  signet_status fail(signet_status code, signet_str message);
  signet_status on_cancel(void (*fn)(void*), void* arg);
  void complete(signet_status code);
  bool cancelled() const;

  struct TimerArg;
  using Lock = std::unique_lock<std::mutex>;
  void arm_timer(std::int64_t at_ns);
  void disarm_timer();
  static void timer_fired(void* arg);
  void watch_deadline(Lock& lock);
  void run_cancel(Lock& lock);
  void settle_callbacks(Lock& lock);
  signet_status answer(Lock& lock, signet_status code, bool zombie);
  void recycle(Lock& lock);
  void misbehaved(Lock& lock, std::string_view what);

  signet_call abi_;
  std::mutex mutex_;
  std::condition_variable quiet_;
  Phase phase_ = Phase::kFree;
  bool completed_ = false;  // the plugin has completed; the answer waits for end() or emit()
  signet_status code_ = SIGNET_OK;
  std::string text_;
  std::atomic<bool> cancelled_{false};
  void (*cancel_fn_)(void*) = nullptr;
  void* cancel_arg_ = nullptr;
  bool cancel_running_ = false;
  std::thread::id cancel_thread_;
  bool emitting_ = false;
  std::thread::id emit_thread_;
  signet_sink sink_{};
  void* sink_arg_ = nullptr;
  std::shared_ptr<CallOwner> owner_;
  std::weak_ptr<CallOwner> last_owner_;  // of a call that is over, to name who misbehaves
  std::int64_t give_up_at_ = 0;          // when the caller is answered without the plugin
  std::uint64_t timer_ = 0;
  TimerArg* timer_arg_ = nullptr;
  std::uint64_t generation_ = 0;
};

}  // namespace signet::kernel
