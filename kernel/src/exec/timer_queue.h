// TimerQueue: one thread that hands due timers to worker lanes.
//
// A timer's function never runs twice at once: a period that passes while it still runs is
// skipped. cancel() returns when the function is not running and never will again, unless
// the function itself calls it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "exec/worker_pool.h"

namespace signet::kernel {

/// CLOCK_MONOTONIC in nanoseconds: the clock of every deadline.
std::int64_t monotonic_ns();
/// Nanoseconds since 1970-01-01 UTC.
std::int64_t wall_ns();

class TimerQueue {
 public:
  TimerQueue() = default;
  ~TimerQueue();
  /// Ends the thread; no timer fires any more. The queue must outlive the pool of its lanes,
  /// so this comes first, then the pool's end, then the queue's.
  void stop();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  /// Runs fn(arg) on `lane` at deadline_ns, then every period_ns when that is over 0.
  /// Returns  the timer's id, never 0
  /// id       when not null, written before the timer can fire
  std::uint64_t start(std::shared_ptr<Lane> lane, std::int64_t deadline_ns, std::int64_t period_ns,
                      Lane::Fn fn, void* arg, std::uint64_t* id = nullptr);
  void cancel(std::uint64_t id);
  /// Is the timer still waiting? If so it is gone now. Never waits.
  bool try_cancel(std::uint64_t id);

 private:
  struct Timer;
  struct Due {
    std::int64_t at;
    std::uint64_t id;
    bool operator>(const Due& other) const { return at > other.at; }
  };
  void run();
  void fire(const std::shared_ptr<Timer>& timer);
  void push_locked(Due due);
  void sweep_locked();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable finished_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> heap_;
  std::map<std::uint64_t, std::shared_ptr<Timer>> timers_;
  std::uint64_t last_id_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // begun with the first timer
};

}  // namespace signet::kernel
