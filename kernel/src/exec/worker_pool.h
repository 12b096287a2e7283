// WorkerPool: the threads that plugins are called on; Lane: one user's bounded share of them.
//
// Threads come when work waits and leave after `idle` without any, so an idle process has
// one. A Lane caps how many of its tasks run at once and how many wait, so that one plugin
// cannot take all threads or all memory. Tasks of a lane start in the order of their posts.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace signet::kernel {

class Lane;

class WorkerPool {
 public:
  struct Limits {
    unsigned max_threads = 64;
    unsigned min_threads = 1;  // kept when idle
    std::chrono::milliseconds idle{10'000};
    std::size_t stack_bytes = 512 * 1024;
  };

  WorkerPool();
  explicit WorkerPool(Limits limits);
  /// Runs what is queued, then ends the threads.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// cap    how many tasks of the lane run at once
  /// bound  how many may wait
  std::shared_ptr<Lane> make_lane(unsigned cap, std::size_t bound);

  unsigned threads() const;

 private:
  friend class Lane;
  void submit(std::shared_ptr<Lane> lane);
  void spawn_locked();
  void work();
  static void* thread_main(void* self);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable gone_;
  std::deque<std::shared_ptr<Lane>> ready_;  // one entry per task that may start
  unsigned threads_ = 0;
  unsigned idle_ = 0;
  bool stopping_ = false;
};

class Lane : public std::enable_shared_from_this<Lane> {
 public:
  using Fn = void (*)(void*);

  Lane(WorkerPool& pool, unsigned cap, std::size_t bound);

  /// False when the lane is full or closed; the task is not run then.
  bool post(Fn fn, void* arg);
  bool post(std::function<void()> task);

  /// Nothing is taken any more; what waits still runs.
  void close();
  bool closed();
  /// Waits until nothing runs or waits. A task of this very lane must not call it.
  /// Returns  false when `limit` passed first
  bool wait_quiet(std::chrono::milliseconds limit);

  /// Is this thread one of a pool's?
  static bool on_worker();

 private:
  friend class WorkerPool;
  struct Task {
    Fn fn;
    void* arg;
  };
  void run_one();

  WorkerPool& pool_;
  const unsigned cap_;
  const std::size_t bound_;
  std::mutex mutex_;
  std::condition_variable quiet_;
  std::deque<Task> tasks_;
  unsigned scheduled_ = 0;  // entries in the pool's ready list, or running
  bool closed_ = false;
};

}  // namespace signet::kernel
