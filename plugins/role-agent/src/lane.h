// Lane: work of one kind on the host's workers, so much of it at a time that workers are left for
// other work; the rest waits in order and holds none.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "signet/host.h"

namespace signet::agent {

class Lane {
 public:
  Lane(Host host, std::size_t at_once, std::size_t waiting)
      : host_(std::move(host)), at_once_(at_once), most_waiting_(waiting) {}

  /// Errors   kUnavailable: too much waits already; the host's when it has no worker to give
  Status run(std::function<void()> work);

 private:
  /// What a worker that has just done the work still holds when the lane itself has gone.
  struct Queue {
    std::mutex mutex;
    std::size_t running = 0;
    std::deque<std::function<void()>> waiting;
  };

  static void work_on(Queue& queue, std::function<void()> work);
  static std::function<void()> next(Queue& queue);

  const Host host_;
  const std::size_t at_once_;
  const std::size_t most_waiting_;
  const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
};

}  // namespace signet::agent
