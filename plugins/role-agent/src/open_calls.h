// OpenCalls: the streams of a service that are open, so that a drain need not wait for them.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "signet/rpc/server_call.h"

#include "refusals.h"

namespace signet::agent {

// Safe from any thread.
class OpenCalls {
 public:
  /// Ends it at once when the others have been ended.
  void add(const std::shared_ptr<ServerCall>& call) {
    std::unique_lock lock(mutex_);
    if (ended_) {
      lock.unlock();
      return end(*call);
    }
    if (calls_.size() >= sweep_at_) {
      std::erase_if(calls_, [](const auto& c) { return c.expired(); });
      sweep_at_ = std::max<std::size_t>(64, 2 * calls_.size());
    }
    calls_.push_back(call);
  }
  void end_all() {
    std::vector<std::weak_ptr<ServerCall>> calls;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      calls.swap(calls_);
    }
    for (const auto& weak : calls) {
      if (const auto call = weak.lock()) end(*call);
    }
  }

 private:
  static void end(ServerCall& call) { call.finish(shutting_down()); }

  std::mutex mutex_;
  std::vector<std::weak_ptr<ServerCall>> calls_;
  std::size_t sweep_at_ = 64;  // how many may be kept before the dead ones are swept out
  bool ended_ = false;
};

}  // namespace signet::agent
