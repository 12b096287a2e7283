#include "lane.h"

namespace signet::agent {

Status Lane::run(std::function<void()> work) {
  {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->running == at_once_) {
      if (queue_->waiting.size() >= most_waiting_)
        return Status::unavailable("too many calls are waiting");
      queue_->waiting.push_back(std::move(work));
      return {};
    }
    ++queue_->running;
  }
  Status posted = host_.post(
      [queue = queue_, work = std::move(work)]() mutable { work_on(*queue, std::move(work)); });
  if (!posted.ok()) {
    const std::lock_guard lock(queue_->mutex);
    --queue_->running;
  }
  return posted;
}

void Lane::work_on(Queue& queue, std::function<void()> work) {
  while (work) {
    try {
      work();
    } catch (...) {  // it is the work's own affair; the place must not be lost
    }
    work = nullptr;  // what it holds goes before another begins
    work = next(queue);
  }
}

std::function<void()> Lane::next(Queue& queue) {
  const std::lock_guard lock(queue.mutex);
  if (queue.waiting.empty()) {
    --queue.running;
    return nullptr;
  }
  std::function<void()> work = std::move(queue.waiting.front());
  queue.waiting.pop_front();
  return work;
}

}  // namespace signet::agent
