#include "exec/worker_pool.h"

#include <algorithm>
#include <exception>
#include <limits.h>
#include <pthread.h>
#include <utility>

namespace signet::kernel {
namespace {

thread_local bool t_on_worker = false;

#ifdef SIGNET_SANITIZED
constexpr std::size_t kStackFactor = 8;  // instrumented frames are larger
#else
constexpr std::size_t kStackFactor = 1;
#endif

}  // namespace

WorkerPool::WorkerPool() : WorkerPool(Limits{}) {}
WorkerPool::WorkerPool(Limits limits) : limits_(limits) {}

WorkerPool::~WorkerPool() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  for (; idle_; idle_ = idle_->next) {
    idle_->called = true;
    idle_->wake.notify_one();
  }
  gone_.wait(lock, [&] { return threads_ == 0; });
}

std::shared_ptr<Lane> WorkerPool::make_lane(unsigned cap, std::size_t bound) {
  return std::make_shared<Lane>(*this, cap, bound);
}

unsigned WorkerPool::threads() const {
  std::lock_guard lock(mutex_);
  return threads_;
}

void WorkerPool::submit(std::shared_ptr<Lane> lane, bool by_worker) {
  Sleeper* called = nullptr;
  {
    std::lock_guard lock(mutex_);
    ready_.push_back(std::move(lane));
    if (by_worker) return;
    if (idle_) {
      called = idle_;
      idle_ = called->next;
      called->called = true;
    } else if (threads_ < limits_.max_threads) {
      spawn_locked();
    }
  }
  // Without the lock, which the thread wants first of all.
  if (called) called->wake.notify_one();
}

void WorkerPool::spawn_locked() {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(
      &attributes, std::max<std::size_t>(limits_.stack_bytes * kStackFactor, PTHREAD_STACK_MIN));
  pthread_t thread;
  // A failure (no memory, thread limit) leaves the task to the threads there are; with none
  // of them the next submit tries again.
  if (pthread_create(&thread, &attributes, &WorkerPool::thread_main, this) == 0) ++threads_;
  pthread_attr_destroy(&attributes);
}

void* WorkerPool::thread_main(void* self) {
  pthread_setname_np(pthread_self(), "worker");
  t_on_worker = true;
  static_cast<WorkerPool*>(self)->work();
  return nullptr;
}

// False: nobody called for as long as a thread may idle.
bool WorkerPool::sleep_locked(std::unique_lock<std::mutex>& lock, Sleeper& sleeper) {
  sleeper.called = false;
  sleeper.next = idle_;
  idle_ = &sleeper;
  if (sleeper.wake.wait_for(lock, limits_.idle, [&] { return sleeper.called; })) return true;
  Sleeper** at = &idle_;
  while (*at != &sleeper) at = &(*at)->next;
  *at = sleeper.next;
  return false;
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  if (free_sleepers_.empty()) free_sleepers_.push_back(&sleepers_.emplace_back());
  Sleeper& sleeper = *free_sleepers_.back();
  free_sleepers_.pop_back();
  for (;;) {
    while (ready_.empty() && !stopping_) {
      if (!sleep_locked(lock, sleeper) && ready_.empty() && threads_ > limits_.min_threads) break;
    }
    if (ready_.empty()) break;
    std::shared_ptr<Lane> lane = std::move(ready_.front());
    ready_.pop_front();
    lock.unlock();
    lane->run_one();
    lane.reset();
    lock.lock();
  }
  free_sleepers_.push_back(&sleeper);
  // Under the lock, so that the destructor cannot free what notify still touches.
  --threads_;
  gone_.notify_all();
}

Lane::Lane(WorkerPool& pool, unsigned cap, std::size_t bound)
    : pool_(pool), cap_(cap), bound_(bound) {}

bool Lane::post(Fn fn, void* arg) {
  {
    std::lock_guard lock(mutex_);
    if (closed_ || tasks_.size() >= bound_) return false;
    tasks_.push_back({fn, arg});
    if (scheduled_ >= cap_) return true;  // a running task hands its turn on
    ++scheduled_;
  }
  pool_.submit(shared_from_this());
  return true;
}

bool Lane::post(std::function<void()> task) {
  auto owned = std::make_unique<std::function<void()>>(std::move(task));
  const bool taken = post(
      [](void* arg) {
        std::unique_ptr<std::function<void()>> fn(static_cast<std::function<void()>*>(arg));
        (*fn)();
      },
      owned.get());
  if (taken) owned.release();  // NOLINT(bugprone-unused-return-value): the task owns it now
  return taken;
}

void Lane::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

bool Lane::closed() {
  std::lock_guard lock(mutex_);
  return closed_;
}

bool Lane::wait_quiet(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return quiet_.wait_for(lock, limit, [&] { return scheduled_ == 0 && tasks_.empty(); });
}

bool Lane::on_worker() { return t_on_worker; }

void Lane::run_one() {
  std::unique_lock lock(mutex_);
  if (!tasks_.empty()) {
    const Task task = tasks_.front();
    tasks_.pop_front();
    lock.unlock();
    task.fn(task.arg);
    lock.lock();
  }
  if (!tasks_.empty() && scheduled_ <= cap_) {
    lock.unlock();
    pool_.submit(shared_from_this(), true);  // to the back of the line: lanes take turns
    return;
  }
  --scheduled_;
  if (scheduled_ == 0 && tasks_.empty()) quiet_.notify_all();
}

}  // namespace signet::kernel
