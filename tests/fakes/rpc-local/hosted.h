// Hosted: a host for what speaks through LocalRpc, for tests that have none of their own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "signet/host.h"

#include "blobs.h"
#include "local_rpc.h"

namespace signet::fakes {

// A host that has the rpc service, a clock that is moved by hand, and blobs. Safe from any thread.
class Hosted {
 public:
  explicit Hosted(const LocalRpc& rpc) : table_(rpc.table()) {
    host_.struct_size = sizeof host_;
    host_.abi_major = SIGNET_ABI_MAJOR;
    host_.impl = this;
    host_.name = "test";
    host_.get_service = [](const signet_host* h, const char* id) -> const void* {
      const std::string_view wanted = id;
      if (wanted == SIGNET_HOST_RPC) return static_cast<Hosted*>(h->impl)->table_;
      if (wanted == SIGNET_HOST_BLOB) return Blobs::table();
      if (wanted == SIGNET_HOST_CLOCK) return clock();
      return nullptr;
    };
  }
  Host host() const { return Host(&host_); }
  void advance(std::chrono::nanoseconds by) { now_ns_ += by.count(); }

 private:
  static std::int64_t now(const signet_host* h) { return static_cast<Hosted*>(h->impl)->now_ns_; }
  static const signet_host_clock* clock() {
    static constexpr signet_host_clock kClock = {sizeof(signet_host_clock), 0, &now, &now};
    return &kClock;
  }

  const signet_host_rpc* table_;
  std::atomic<std::int64_t> now_ns_{1'700'000'000'000'000'000};
  signet_host host_{};
};

}  // namespace signet::fakes
