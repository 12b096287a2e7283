#include "hand_over.h"

namespace signet::server {

void HandOver::start() {
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
  }
  tell();
}

void HandOver::tell() {
  {
    const std::lock_guard lock(mutex_);
    if (!started_) return;
    changed_ = true;
    if (running_) return;
    running_ = true;
  }
  const Status posted = host_.post([this] { run(); });
  if (posted.ok()) return;
  const std::lock_guard lock(mutex_);  // the queue is full; the next change brings this one, too
  running_ = false;
  idle_.notify_all();
}

void HandOver::run() {
  std::unique_lock lock(mutex_);
  while (changed_ && started_) {
    changed_ = false;
    lock.unlock();
    work_();
    lock.lock();
  }
  running_ = false;
  idle_.notify_all();
}

void HandOver::stop() {
  std::unique_lock lock(mutex_);
  started_ = false;
  idle_.wait(lock, [&] { return !running_; });
}

}  // namespace signet::server
