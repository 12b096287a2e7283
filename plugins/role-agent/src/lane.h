// Lane: work of one kind on the host's workers, so much of it at a time that workers are left for
// other work; the rest waits in order and holds none. Work may say whom it is for: then there is a
// place for others, however much one of them wants.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "signet/host.h"

namespace signet::agent {

class Lane {
 public:
  /// for_one   how much of `at_once` and `waiting` may be for one of those whom work is for
  struct Share {
    std::size_t at_once, waiting;
  };
  Lane(Host host, std::size_t at_once, std::size_t waiting)
      : Lane(std::move(host), at_once, waiting, {at_once, waiting}) {}
  Lane(Host host, std::size_t at_once, std::size_t waiting, Share for_one)
      : host_(std::move(host)), at_once_(at_once), most_waiting_(waiting) {
    queue_->for_one = for_one;
  }

  /// Errors   kUnavailable: too much waits already; the host's when it has no worker to give
  Status run(std::function<void()> work, std::uint32_t whose = 0);

 private:
  /// What a worker that has just done the work still holds when the lane itself has gone.
  struct Task {
    std::uint32_t whose = 0;
    std::function<void()> work;
  };
  struct Load {  // of one
    std::size_t running = 0;
    std::size_t waiting = 0;
  };
  struct Queue {
    std::mutex mutex;
    Share for_one{};
    std::size_t running = 0;
    std::deque<Task> waiting;
    std::unordered_map<std::uint32_t, Load> of;
  };

  static void work_on(Queue& queue, Task task);
  static void end_locked(Queue& queue, std::uint32_t whose);
  static Task next(Queue& queue, std::uint32_t ended);

  const Host host_;
  const std::size_t at_once_;
  const std::size_t most_waiting_;
  const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
};

}  // namespace signet::agent
