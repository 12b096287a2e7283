// RateLimiter: SPIRE's limits on what one address, or one agent, may ask for. A request
// over the limit waits for its turn; one that can never have it fails.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "signet/host.h"

#include "limits/token_buckets.h"
#include "method_table.h"

namespace signet::server {

class RateLimiter {
 public:
  /// Takes `cost` tokens from the bucket of (limit, who) at `now_ns` (monotonic).
  /// who  an address, or an agent's SPIFFE ID
  /// Returns   how long to wait first, in nanoseconds; 0: go on
  /// Errors    kResourceExhausted: the cost exceeds the bucket, or the wait would pass
  ///           `deadline_ns`; nothing was taken then
  Result<std::int64_t> take(Limit limit, std::string_view who, std::uint32_t cost,
                            std::int64_t now_ns, std::int64_t deadline_ns);
  /// What a caller took and did not wait for.
  void give_back(Limit limit, std::string_view who, std::uint32_t cost, std::int64_t now_ns);

 private:
  // More addresses than that within a minute are treated as one.
  static constexpr std::size_t kBuckets = 1'000'000;

  limits::TokenBuckets buckets_{kBuckets};
};

// Work that is to run later on a worker, without holding one meanwhile.
class DelayedWork {
 public:
  explicit DelayedWork(const Host& host) : host_(host) {}
  ~DelayedWork() { stop(); }
  /// Returns  what drop() takes
  /// Errors   when the host has no timer to give, or after stop(); the work is dropped
  Result<std::uint64_t> run_after(std::int64_t delay_ns, std::function<void()> work);
  /// It will not run, unless it has begun to.
  void drop(std::uint64_t number);
  /// Drops what still waits. Nothing runs afterwards.
  void stop();

 private:
  struct Item {
    DelayedWork* owner;
    std::uint64_t number;
    std::uint64_t timer = 0;
    std::function<void()> work;
  };
  static void fire(void* arg);

  const Host host_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Item>> waiting_;
  std::uint64_t last_number_ = 0;
  bool stopped_ = false;
};

}  // namespace signet::server
