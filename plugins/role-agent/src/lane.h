// Lane: work of one kind on the host's workers, so much of it at a time that workers are left for
// other work; the rest waits in order and holds none.
#pragma once

#include <deque>
#include <functional>
#include <mutex>

#include "signet/host.h"

namespace signet::agent {

class Lane {
 public:
  Lane(Host host, std::size_t at_once, std::size_t waiting)
      : host_(std::move(host)), at_once_(at_once), most_waiting_(waiting) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Errors   kUnavailable: too much waits already; the host's when it has no worker to give
  Status run(std::function<void()> work);

 private:
  void work_on(std::function<void()> work);
  std::function<void()> next();

  const Host host_;
  const std::size_t at_once_;
  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::size_t running_ = 0;
  std::deque<std::function<void()>> waiting_;
};

}  // namespace signet::agent
