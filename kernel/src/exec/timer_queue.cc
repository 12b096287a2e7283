#include "exec/timer_queue.h"

#include <algorithm>
#include <chrono>
#include <pthread.h>
#include <time.h>
#include <utility>

namespace signet::kernel {
namespace {

constexpr std::int64_t kLaneFullRetryNs = 10'000'000;

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

std::int64_t monotonic_ns() { return read_clock(CLOCK_MONOTONIC); }
std::int64_t wall_ns() { return read_clock(CLOCK_REALTIME); }

struct TimerQueue::Timer {
  TimerQueue* queue;
  std::uint64_t id;
  std::shared_ptr<Lane> lane;
  std::int64_t at;
  std::int64_t period;
  Lane::Fn fn;
  void* arg;
  bool posted = false;  // handed to the lane, not yet begun or running
  bool running = false;
  bool cancelled = false;
  std::thread::id runner;
};

TimerQueue::~TimerQueue() { stop(); }

void TimerQueue::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void TimerQueue::push_locked(Due due) {
  const bool sooner = heap_.empty() || due.at < heap_.top().at;
  heap_.push(due);
  if (sooner) wake_.notify_one();
}

// Cancelled timers leave their heap entry behind; this keeps those from piling up when far
// deadlines are set and cancelled over and over.
void TimerQueue::sweep_locked() {
  if (heap_.size() < 1024 || heap_.size() < 2 * timers_.size()) return;
  std::vector<Due> live;
  for (const auto& [id, timer] : timers_) {
    if (!timer->posted) live.push_back({timer->at, id});
  }
  heap_ =
      std::priority_queue<Due, std::vector<Due>, std::greater<>>(std::greater<>(), std::move(live));
}

std::uint64_t TimerQueue::start(std::shared_ptr<Lane> lane, std::int64_t deadline_ns,
                                std::int64_t period_ns, Lane::Fn fn, void* arg,
                                std::uint64_t* id_out) {
  std::lock_guard lock(mutex_);
  if (!thread_.joinable() && !stopping_) {
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "timer");
      run();
    });
  }
  auto timer = std::make_shared<Timer>();
  timer->queue = this;
  timer->id = ++last_id_;
  timer->lane = std::move(lane);
  timer->at = deadline_ns;
  timer->period = period_ns > 0 ? period_ns : 0;
  timer->fn = fn;
  timer->arg = arg;
  const std::uint64_t id = timer->id;
  if (id_out != nullptr) *id_out = id;
  timers_.emplace(id, std::move(timer));
  sweep_locked();
  push_locked({deadline_ns, id});
  return id;
}

void TimerQueue::cancel(std::uint64_t id) {
  std::unique_lock lock(mutex_);
  const auto found = timers_.find(id);
  if (found == timers_.end()) return;
  const std::shared_ptr<Timer> timer = found->second;
  timer->cancelled = true;
  timers_.erase(found);
  if (timer->running && timer->runner == std::this_thread::get_id()) return;
  finished_.wait(lock, [&] { return !timer->running; });
}

bool TimerQueue::try_cancel(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  const auto found = timers_.find(id);
  if (found == timers_.end() || found->second->posted) return false;
  found->second->cancelled = true;
  timers_.erase(found);
  return true;
}

void TimerQueue::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (heap_.empty()) {
      wake_.wait(lock);
      continue;
    }
    const Due due = heap_.top();
    const std::int64_t now = monotonic_ns();
    if (due.at > now) {
      // A far deadline (INT64_MAX) would overflow the clock's own arithmetic.
      const std::int64_t wait = std::min<std::int64_t>(due.at - now, 3'600'000'000'000);
      wake_.wait_for(lock, std::chrono::nanoseconds(wait));
      continue;
    }
    heap_.pop();
    const auto found = timers_.find(due.id);
    if (found == timers_.end() || found->second->posted) continue;
    const std::shared_ptr<Timer> timer = found->second;
    timer->posted = true;
    lock.unlock();
    auto* held = new std::shared_ptr<Timer>(timer);
    const bool taken = timer->lane->post(
        [](void* arg) {
          const std::unique_ptr<std::shared_ptr<Timer>> own(
              static_cast<std::shared_ptr<Timer>*>(arg));
          (*own)->queue->fire(*own);
        },
        held);
    if (!taken) delete held;
    const bool over = !taken && timer->lane->closed();
    lock.lock();
    if (over) {
      timers_.erase(timer->id);  // its owner is gone
    } else if (!taken && !timer->cancelled) {
      timer->posted = false;
      timer->at = now + kLaneFullRetryNs;
      push_locked({timer->at, timer->id});
    }
  }
}

void TimerQueue::fire(const std::shared_ptr<Timer>& timer) {
  std::unique_lock lock(mutex_);
  if (timer->cancelled) return;
  timer->running = true;
  timer->runner = std::this_thread::get_id();
  // It stays in timers_ until it has finished, so that cancel() finds it and waits.
  lock.unlock();
  timer->fn(timer->arg);
  lock.lock();
  timer->running = false;
  timer->posted = false;
  finished_.notify_all();
  if (timer->cancelled) return;
  if (timer->period == 0) {
    timers_.erase(timer->id);
    return;
  }
  const std::int64_t now = monotonic_ns();
  timer->at += timer->period;
  if (timer->at <= now) timer->at = now + timer->period;
  push_locked({timer->at, timer->id});
}

}  // namespace signet::kernel
