#include "loop.h"

#include <algorithm>
#include <vector>

namespace signet::agent {

void Loop::start(std::chrono::nanoseconds first) {
  const std::lock_guard lock(mutex_);
  started_ = true;
  due_ = std::min(due_, host_.monotonic_ns() + first.count());
  arm_locked(due_);
}

void Loop::kick() {
  const std::lock_guard lock(mutex_);
  due_ = host_.monotonic_ns();
  if (started_ && !running_) arm_locked(due_);
}

void Loop::stop() {
  std::vector<std::uint64_t> ids;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const auto& armed : armed_) ids.push_back(armed->id);
  }
  // Without the lock: cancel() waits for a function that is just starting and wants it.
  for (const std::uint64_t id : ids) host_.timers()->cancel(host_.abi(), id);
  std::unique_lock lock(mutex_);
  quiet_.wait(lock, [this] { return !running_; });
  armed_.clear();
}

// A timer that is due no later than `at` serves; it finds out itself what is to be done.
void Loop::arm_locked(std::int64_t at) {
  if (stopped_ || host_.timers() == nullptr) return;
  for (const auto& armed : armed_) {
    if (armed->at <= at) return;
  }
  auto armed = std::make_unique<Armed>();
  armed->loop = this;
  armed->at = at;
  Armed* const raw = armed.get();
  armed_.push_back(std::move(armed));
  const signet_status code = host_.timers()->start(
      host_.abi(), at, 0,
      [](void* arg) {
        auto* fired = static_cast<Armed*>(arg);
        fired->loop->fired(fired);
      },
      raw, &raw->id);
  if (code != SIGNET_OK) {
    armed_.pop_back();
    host_.error("A loop cannot be continued: no timer");
  }
}

void Loop::fired(Armed* armed) {
  std::unique_lock lock(mutex_);
  std::erase_if(armed_, [armed](const auto& held) { return held.get() == armed; });
  if (stopped_ || running_) return;  // a running round looks at due_ when it ends
  if (host_.monotonic_ns() < due_) {
    arm_locked(due_);
    return;
  }
  run(lock);
}

void Loop::run(std::unique_lock<std::mutex>& lock) {
  running_ = true;
  due_ = INT64_MAX;
  lock.unlock();
  std::chrono::nanoseconds wait = std::chrono::seconds(1);
  try {
    wait = round_();
  } catch (const std::exception& e) {
    host_.error("A round failed", {{"error", e.what()}});
  }
  lock.lock();
  running_ = false;
  due_ = std::min(due_, host_.monotonic_ns() + wait.count());
  arm_locked(due_);
  quiet_.notify_all();
}

}  // namespace signet::agent
