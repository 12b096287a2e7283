// The host service signet.host.blob/1 on the heap, for the hosts of tests.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "signet/host.h"

namespace signet::fakes {

class Blobs {
 public:
  static const signet_host_blob* table() {
    static constexpr signet_host_blob kTable = {
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
    return &kTable;
  }
  /// How many there are.
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
};

}  // namespace signet::fakes
