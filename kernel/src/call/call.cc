#include "call/call.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

namespace signet::kernel {

struct Call::TimerArg {
  Call* call;
  std::uint64_t generation;
};

// Free calls, in order of their release. A call is reused only when kRest others have been
// released after it, so that a late word from a plugin finds it still free.
class CallPool {
 public:
  static CallPool& instance() {
    static auto* kPool = new CallPool;  // never destroyed: plugins may hold calls to the end
    return *kPool;
  }
  Call* take() {
    Shard& shard = mine();
    {
      const std::lock_guard lock(shard.mutex);
      if (shard.free.size() > kRest) {
        Call* call = shard.free.front();
        shard.free.pop_front();
        return call;
      }
    }
    return new Call;
  }
  void give(Call* call) {
    Shard& shard = mine();
    const std::lock_guard lock(shard.mutex);
    shard.free.push_back(call);
  }

 private:
  static constexpr std::size_t kRest = 64;
  static constexpr std::size_t kShards = 8;
  struct alignas(64) Shard {
    std::mutex mutex;
    std::deque<Call*> free;
  };
  Shard& mine() {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t index = next.fetch_add(1, std::memory_order_relaxed) % kShards;
    return shards_[index];
  }
  Shard shards_[kShards];
};

namespace {

bool legal_final(signet_status code) { return code >= SIGNET_OK && code <= SIGNET_UNAUTHENTICATED; }

// At most `limit` bytes, not cutting a UTF-8 sequence.
std::string_view clip(signet_str text, std::size_t limit) {
  if (text.ptr == nullptr) return {};
  std::size_t n = text.len;
  if (n > limit) {
    n = limit;
    while (n > 0 && (static_cast<unsigned char>(text.ptr[n]) & 0xc0) == 0x80) --n;
  }
  return {text.ptr, n};
}

}  // namespace

struct CallOps {
  static Call& of(const signet_call* call) { return *static_cast<Call*>(call->impl); }
  static std::uint32_t cancelled(const signet_call* call) { return of(call).cancelled() ? 1 : 0; }
  static signet_status on_cancel(signet_call* call, void (*fn)(void*), void* arg) {
    return of(call).on_cancel(fn, arg);
  }
  static signet_status emit(signet_call* call, std::uint32_t kind, const void* msg,
                            std::size_t size) {
    return of(call).emit(kind, msg, size);
  }
  static signet_status fail(signet_call* call, signet_status code, signet_str message) {
    return of(call).fail(code, message);
  }
  static void complete(signet_call* call, signet_status code) { of(call).complete(code); }
  static const signet_call_ops kOps;
};
const signet_call_ops CallOps::kOps = {sizeof(signet_call_ops), 0,
                                       &CallOps::cancelled,     &CallOps::on_cancel,
                                       &CallOps::emit,          &CallOps::fail,
                                       &CallOps::complete};

Call::Call() : abi_{} {
  abi_.struct_size = sizeof abi_;
  abi_.ops = &CallOps::kOps;
  abi_.impl = this;
}

Call* Call::begin(std::shared_ptr<CallOwner> owner, std::int64_t deadline_ns,
                  const signet_sink* sink, void* arg) {
  if (!owner->enter()) return nullptr;
  Call* call = CallPool::instance().take();
  const std::lock_guard lock(call->mutex_);
  call->phase_ = Phase::kRunning;
  call->owner_ = std::move(owner);
  call->abi_.deadline_ns = deadline_ns;
  call->give_up_at_ = deadline_ns > INT64_MAX - kGraceNs ? INT64_MAX : deadline_ns + kGraceNs;
  call->code_ = SIGNET_OK;
  call->sink_ = {};
  if (sink != nullptr)
    std::memcpy(&call->sink_, sink, std::min<std::size_t>(sink->struct_size, sizeof call->sink_));
  call->sink_arg_ = arg;
  return call;
}

signet_status Call::end(signet_status returned) {
  Lock lock(mutex_);
  if (phase_ != Phase::kRunning) return SIGNET_INTERNAL;  // the caller's own mistake
  if (returned == SIGNET_PENDING) {
    if (!completed_) {
      phase_ = Phase::kPending;
      watch_deadline(lock);
      return SIGNET_PENDING;
    }
    return answer(lock, code_, false);
  }
  if (completed_) misbehaved(lock, "completed a call and then returned from it as if it had not");
  if (!legal_final(returned)) {
    misbehaved(lock, "returned a status that does not exist");
    text_ = "the plugin returned a status that does not exist";
    returned = SIGNET_INTERNAL;
  }
  return answer(lock, returned, false);
}

void Call::cancel() {
  Lock lock(mutex_);
  if (phase_ != Phase::kRunning && phase_ != Phase::kPending) return;
  const std::uint64_t generation = generation_;
  give_up_at_ = std::min(give_up_at_, monotonic_ns() + kCancelGraceNs);
  run_cancel(lock);
  if (generation == generation_ && phase_ == Phase::kPending) watch_deadline(lock);
}

bool Call::cancelled() const {
  return cancelled_.load(std::memory_order_acquire) ||
         (abi_.deadline_ns != INT64_MAX && monotonic_ns() >= abi_.deadline_ns);
}

signet_status Call::on_cancel(void (*fn)(void*), void* arg) {
  Lock lock(mutex_);
  if (phase_ == Phase::kFree || completed_) {
    // Another thread of the plugin may rightly complete while its function still returns.
    const bool returning = phase_ == Phase::kRunning;
    if (fn != nullptr && !returning)
      misbehaved(lock, "set a cancel function on a call that is over");
    return SIGNET_FAILED_PRECONDITION;
  }
  if (fn == nullptr) {
    cancel_fn_ = nullptr;
    // The caller may free `arg` when this returns.
    quiet_.wait(lock,
                [&] { return !cancel_running_ || cancel_thread_ == std::this_thread::get_id(); });
    return SIGNET_OK;
  }
  cancel_fn_ = fn;
  cancel_arg_ = arg;
  if (cancelled_.load(std::memory_order_relaxed)) {
    run_cancel(lock);
  } else if (phase_ == Phase::kRunning && abi_.deadline_ns != INT64_MAX) {
    arm_timer(abi_.deadline_ns);  // a pending call has its timer already
  }
  return SIGNET_OK;
}

signet_status Call::emit(std::uint32_t kind, const void* msg, std::size_t size) {
  Lock lock(mutex_);
  const auto self = std::this_thread::get_id();
  quiet_.wait(lock, [&] { return !emitting_ || emit_thread_ == self; });
  if (phase_ == Phase::kAnswered) return SIGNET_CANCELLED;
  if (phase_ == Phase::kFree || completed_) {
    misbehaved(lock, "emitted on a call that is over");
    return SIGNET_FAILED_PRECONDITION;
  }
  if (sink_.on_emit == nullptr) return SIGNET_OK;
  const bool nested = emitting_;
  const std::uint64_t generation = generation_;
  emitting_ = true;
  emit_thread_ = self;
  const auto on_emit = sink_.on_emit;
  void* const arg = sink_arg_;
  lock.unlock();
  on_emit(arg, kind, msg, size);
  lock.lock();
  if (nested || generation != generation_) return SIGNET_OK;
  emitting_ = false;
  quiet_.notify_all();
  // The plugin completed from inside this very callback (it cancelled, say).
  if (completed_ && phase_ == Phase::kPending) answer(lock, code_, false);
  return SIGNET_OK;
}

signet_status Call::fail(signet_status code, signet_str message) {
  Lock lock(mutex_);
  if (phase_ == Phase::kFree || completed_) {
    misbehaved(lock, "described the failure of a call that is over");
    return code;
  }
  if (phase_ != Phase::kAnswered) text_ = clip(message, kMaxText);
  return code;
}

void Call::complete(signet_status code) {
  Lock lock(mutex_);
  if (phase_ == Phase::kFree || completed_) {
    misbehaved(lock, "completed a call that is over");
    return;
  }
  if (phase_ == Phase::kAnswered) {
    cancel_fn_ = nullptr;
    settle_callbacks(lock);
    owner_->zombie_gone();
    recycle(lock);
    return;
  }
  if (!legal_final(code)) {
    const std::uint64_t generation = generation_;
    misbehaved(lock, "completed a call with a status that does not exist");
    if (generation != generation_ || completed_) return;
    text_ = "the plugin completed with a status that does not exist";
    code = SIGNET_INTERNAL;
  }
  code_ = code;
  completed_ = true;
  if (phase_ == Phase::kRunning) {
    // end() answers. The promise about on_cancel holds from here on all the same.
    cancel_fn_ = nullptr;
    settle_callbacks(lock);
    return;
  }
  if (emitting_ && emit_thread_ == std::this_thread::get_id()) return;  // emit() answers
  answer(lock, code, false);
}

void Call::arm_timer(std::int64_t at_ns) {
  disarm_timer();
  timer_arg_ = new TimerArg{this, generation_};
  timer_ =
      owner_->timers().start(owner_->callback_lane(), at_ns, 0, &Call::timer_fired, timer_arg_);
}

void Call::disarm_timer() {
  if (timer_ == 0) return;
  // One that is on its way already frees its argument and finds the generation changed, or
  // looks at the clock again.
  if (owner_->timers().try_cancel(timer_)) delete timer_arg_;
  timer_ = 0;
  timer_arg_ = nullptr;
}

void Call::timer_fired(void* arg) {
  const std::unique_ptr<TimerArg> own(static_cast<TimerArg*>(arg));
  Call& call = *own->call;
  Lock lock(call.mutex_);
  if (call.generation_ != own->generation) return;
  if (call.timer_arg_ == own.get()) {
    call.timer_ = 0;
    call.timer_arg_ = nullptr;
  }
  if (call.phase_ == Phase::kRunning) {
    if (monotonic_ns() >= call.abi_.deadline_ns) call.run_cancel(lock);
    return;
  }
  if (call.phase_ == Phase::kPending) call.watch_deadline(lock);
}

// Acts on what is due and arms the timer for what comes next.
void Call::watch_deadline(Lock& lock) {
  const std::uint64_t generation = generation_;
  const std::int64_t now = monotonic_ns();
  if (now >= abi_.deadline_ns && !cancelled_.load(std::memory_order_relaxed)) {
    run_cancel(lock);
    if (generation != generation_ || phase_ != Phase::kPending || completed_) return;
  }
  if (now >= give_up_at_) {
    // Completed, and about to be answered by the thread that emits: not a zombie.
    if (completed_) return;
    phase_ = Phase::kAnswered;
    owner_->zombie_born();
    const bool late = now >= abi_.deadline_ns;
    text_ = late ? "no answer within the deadline" : "no answer after a cancel";
    answer(lock, late ? SIGNET_DEADLINE_EXCEEDED : SIGNET_CANCELLED, true);
    return;
  }
  std::int64_t next = give_up_at_;
  if (!cancelled_.load(std::memory_order_relaxed)) next = std::min(next, abi_.deadline_ns);
  if (next != INT64_MAX) arm_timer(next);
}

void Call::run_cancel(Lock& lock) {
  cancelled_.store(true, std::memory_order_release);
  if (cancel_fn_ == nullptr || completed_) return;
  const auto fn = std::exchange(cancel_fn_, nullptr);
  void* const arg = cancel_arg_;
  const std::uint64_t generation = generation_;
  cancel_running_ = true;
  cancel_thread_ = std::this_thread::get_id();
  lock.unlock();
  fn(arg);
  lock.lock();
  if (generation != generation_) return;
  cancel_running_ = false;
  quiet_.notify_all();
}

// No callback of this call runs on another thread when it returns.
void Call::settle_callbacks(Lock& lock) {
  const auto self = std::this_thread::get_id();
  const std::uint64_t generation = generation_;
  quiet_.wait(lock, [&] {
    if (generation != generation_) return true;
    return (!cancel_running_ || cancel_thread_ == self) && (!emitting_ || emit_thread_ == self);
  });
}

signet_status Call::answer(Lock& lock, signet_status code, bool zombie) {
  completed_ = !zombie;  // nothing more is taken from the plugin while on_done runs
  if (!zombie) cancel_fn_ = nullptr;
  const std::uint64_t generation = generation_;
  const signet_sink sink = std::exchange(sink_, {});
  void* const arg = sink_arg_;
  const std::string text = std::exchange(text_, {});
  disarm_timer();
  settle_callbacks(lock);
  // A zombie's plugin may complete, and the call be reused, meanwhile: only locals from here.
  lock.unlock();
  if (sink.on_done != nullptr) {
    const bool words = code != SIGNET_OK && !text.empty();
    sink.on_done(arg, code, words ? signet_str{text.data(), text.size()} : signet_str{nullptr, 0});
  }
  lock.lock();
  if (!zombie && generation == generation_) recycle(lock);
  return code;
}

void Call::recycle(Lock& lock) {
  disarm_timer();
  const std::shared_ptr<CallOwner> owner = std::move(owner_);
  owner_ = nullptr;
  last_owner_ = owner;
  phase_ = Phase::kFree;
  completed_ = false;
  cancelled_.store(false, std::memory_order_relaxed);
  cancel_fn_ = nullptr;
  cancel_running_ = false;
  emitting_ = false;
  text_.clear();
  ++generation_;
  quiet_.notify_all();
  lock.unlock();
  CallPool::instance().give(this);
  owner->leave();
}

void Call::misbehaved(Lock& lock, std::string_view what) {
  const std::shared_ptr<CallOwner> owner = owner_ ? owner_ : last_owner_.lock();
  if (!owner) return;
  lock.unlock();
  owner->misbehaved(what);
  lock.lock();
}

}  // namespace signet::kernel
