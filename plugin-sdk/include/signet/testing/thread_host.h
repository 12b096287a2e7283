// ThreadHost: a host whose workers are as many as the work, for what is to run side by side. It has
// nothing else. What its threads touch is declared before it: it waits for them when it goes.
#pragma once

#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "signet/host.h"
#include "signet/testing/fake_host.h"

namespace signet::fakes {

class ThreadHost {
 public:
  ThreadHost() : host_(*quiet_.abi()) {
    host_.impl = this;
    host_.get_service = [](const signet_host*, const char* id) -> const void* {
      static constexpr signet_host_executor kExecutor = {
          sizeof(signet_host_executor), 0,
          [](const signet_host* host, void (*fn)(void*), void* arg) -> signet_status {
            auto& self = *static_cast<ThreadHost*>(host->impl);
            const std::lock_guard lock(self.mutex_);
            self.threads_.emplace_back(fn, arg);
            return SIGNET_OK;
          }};
      return std::string_view(id) == SIGNET_HOST_EXECUTOR ? &kExecutor : nullptr;
    };
  }
  /// No thread of its own posts any more by now.
  ~ThreadHost() {
    for (std::thread& thread : threads_) thread.join();
  }
  ThreadHost(const ThreadHost&) = delete;
  ThreadHost& operator=(const ThreadHost&) = delete;

  Host host() const { return Host(&host_); }

 private:
  FakeHost quiet_;
  signet_host host_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

}  // namespace signet::fakes
