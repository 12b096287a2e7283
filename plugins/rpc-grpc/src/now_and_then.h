// NowAndThen: whether it is time again. What strangers may cause as often as they like is told in
// the log so often and no more.
#pragma once

#include <atomic>
#include <cstdint>

namespace signet::rpc_grpc {

class NowAndThen {
 public:
  explicit NowAndThen(int64_t every_ns) : every_ns_(every_ns) {}
  /// True for one caller of all that ask within the period. From any thread.
  bool due(int64_t now_ns) {
    int64_t next = next_ns_;
    return now_ns >= next && next_ns_.compare_exchange_strong(next, now_ns + every_ns_);
  }

 private:
  const int64_t every_ns_;
  std::atomic<int64_t> next_ns_{0};
};

}  // namespace signet::rpc_grpc
