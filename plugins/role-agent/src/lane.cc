#include "lane.h"

namespace signet::agent {

Status Lane::run(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (running_ == at_once_) {
      if (waiting_.size() >= most_waiting_)
        return Status::unavailable("too many calls are waiting");
      waiting_.push_back(std::move(work));
      return {};
    }
    ++running_;
  }
  Status posted =
      host_.post([this, work = std::move(work)]() mutable { work_on(std::move(work)); });
  if (!posted.ok()) {
    const std::lock_guard lock(mutex_);
    --running_;
  }
  return posted;
}

void Lane::work_on(std::function<void()> work) {
  while (work) {
    try {
      work();
    } catch (...) {  // it is the work's own affair; the place must not be lost
    }
    work = nullptr;  // what it holds goes before another begins
    work = next();
  }
}

std::function<void()> Lane::next() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    --running_;
    return nullptr;
  }
  std::function<void()> work = std::move(waiting_.front());
  waiting_.pop_front();
  return work;
}

}  // namespace signet::agent
