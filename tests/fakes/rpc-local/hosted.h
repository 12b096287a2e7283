// Hosted: a host for what speaks through LocalRpc, for tests that have none of their own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "signet/host.h"

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
      if (wanted == SIGNET_HOST_BLOB) return blobs();
      if (wanted == SIGNET_HOST_CLOCK) return clock();
      return nullptr;
    };
  }
  Host host() const { return Host(&host_); }
  void advance(std::chrono::nanoseconds by) { now_ns_ += by.count(); }
  static std::atomic<int>& alive() {
    static std::atomic<int> count{0};
    return count;
  }

 private:
  struct Bytes {
    std::atomic<int> references{1};
    std::string bytes;
    Bytes() { ++alive(); }
    ~Bytes() { --alive(); }
  };
  static Bytes* bytes(const signet_blob* b) {
    return reinterpret_cast<Bytes*>(const_cast<signet_blob*>(b));
  }
  static const signet_host_blob* blobs() {
    static constexpr signet_host_blob kBlobs = {
        sizeof(signet_host_blob),
        0,
        [](const signet_host*, signet_bytes copy, std::uint32_t, signet_blob** out) {
          auto* b = new Bytes;
          b->bytes = view(copy);
          *out = reinterpret_cast<signet_blob*>(b);
          return static_cast<signet_status>(SIGNET_OK);
        },
        [](const signet_host*, std::size_t size, std::uint32_t, std::uint8_t** data,
           signet_blob** out) {
          auto* b = new Bytes;
          b->bytes.resize(size);
          *data = reinterpret_cast<std::uint8_t*>(b->bytes.data());
          *out = reinterpret_cast<signet_blob*>(b);
          return static_cast<signet_status>(SIGNET_OK);
        },
        [](signet_blob* b) { ++bytes(b)->references; },
        [](signet_blob* b) {
          if (--bytes(b)->references == 0) delete bytes(b);
        },
        [](const signet_blob* b) { return bytes_to_abi(bytes(b)->bytes); }};
    return &kBlobs;
  }
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
