// ThreadHost: a host whose workers are as many as the work, for what is to run side by side. It has
// nothing else.
#pragma once

#include <string_view>
#include <thread>

#include "signet/host.h"
#include "signet/testing/fake_host.h"

namespace signet::fakes {

class ThreadHost {
 public:
  ThreadHost() : host_(*quiet_.abi()) {
    host_.get_service = [](const signet_host*, const char* id) -> const void* {
      static constexpr signet_host_executor kExecutor = {
          sizeof(signet_host_executor), 0,
          [](const signet_host*, void (*fn)(void*), void* arg) -> signet_status {
            std::thread(fn, arg).detach();
            return SIGNET_OK;
          }};
      return std::string_view(id) == SIGNET_HOST_EXECUTOR ? &kExecutor : nullptr;
    };
  }
  Host host() const { return Host(&host_); }

 private:
  FakeHost quiet_;
  signet_host host_;
};

}  // namespace signet::fakes
