// WorkerPool: the threads that plugins are called on; Lane: one user's bounded share of them.
//
// Threads come when work waits and leave after `idle` without any, so an idle process has
// one. The thread that went idle last is called first: it is warm, and the others can leave. A Lane
// caps how many of its tasks run at once and how many wait, so that one plugin cannot take all
// threads or all memory. Tasks of a lane start in the order of their posts.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

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
  struct Sleeper {  // where one thread waits; kept for the next when it has left
    std::condition_variable wake;
    bool called = false;
    Sleeper* next = nullptr;
  };
  /// One task of the lane may start. by_worker: the caller takes one itself as soon as it returns,
  /// so nobody need be called.
  void submit(std::shared_ptr<Lane> lane, bool by_worker = false);
  void spawn_locked();
  bool sleep_locked(std::unique_lock<std::mutex>& lock, Sleeper& sleeper);
  void work();
  static void* thread_main(void* self);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable gone_;
  std::deque<std::shared_ptr<Lane>> ready_;  // one entry per task that may start
  unsigned threads_ = 0;
  Sleeper* idle_ = nullptr;       // the last to fall asleep first
  std::deque<Sleeper> sleepers_;  // their addresses stay
  std::vector<Sleeper*> free_sleepers_;
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
