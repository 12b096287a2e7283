#include "lane.h"

#include <algorithm>

namespace signet::agent {

Status Lane::run(std::function<void()> work, std::uint32_t whose) {
  {
    const std::lock_guard lock(queue_->mutex);
    Load& load = queue_->of[whose];
    if (queue_->running == at_once_ || load.running >= queue_->for_one.at_once) {
      if (queue_->waiting.size() >= most_waiting_ || load.waiting >= queue_->for_one.waiting)
        return Status::unavailable("too many calls are waiting");
      queue_->waiting.push_back({whose, std::move(work)});
      ++load.waiting;
      return {};
    }
    ++queue_->running;
    ++load.running;
  }
  Status posted = host_.post([queue = queue_, task = Task{whose, std::move(work)}]() mutable {
    work_on(*queue, std::move(task));
  });
  if (!posted.ok()) {
    const std::lock_guard lock(queue_->mutex);
    end_locked(*queue_, whose);
  }
  return posted;
}

void Lane::work_on(Queue& queue, Task task) {
  while (task.work) {
    try {
      task.work();
    } catch (...) {  // it is the work's own affair; the place must not be lost
    }
    task.work = nullptr;  // what it holds goes before another begins
    task = next(queue, task.whose);
  }
}

void Lane::end_locked(Queue& queue, std::uint32_t whose) {
  --queue.running;
  const auto load = queue.of.find(whose);
  if (--load->second.running == 0 && load->second.waiting == 0) queue.of.erase(load);
}

// What ends makes room for one: the first that waits and whose share allows it. All that is left
// then waits for its own to end.
Lane::Task Lane::next(Queue& queue, std::uint32_t ended) {
  const std::lock_guard lock(queue.mutex);
  end_locked(queue, ended);
  const auto first = std::find_if(queue.waiting.begin(), queue.waiting.end(), [&](const Task& t) {
    return queue.of[t.whose].running < queue.for_one.at_once;
  });
  if (first == queue.waiting.end()) return {};
  Task task = std::move(*first);
  queue.waiting.erase(first);
  Load& load = queue.of[task.whose];
  --load.waiting;
  ++load.running;
  ++queue.running;
  return task;
}

}  // namespace signet::agent
