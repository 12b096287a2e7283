// TokenBuckets: how often each of many may do something. A bucket holds what it gains in a second.
//
// Buckets that nobody used for a minute or two are gone, and are full again by then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace signet::limits {

class TokenBuckets {
 public:
  /// max_buckets   keys beyond as many within a minute share one bucket
  explicit TokenBuckets(std::size_t max_buckets) : max_buckets_(max_buckets) {}

  /// Takes `cost` tokens of the key's bucket, which holds and gains `rate` a second.
  /// now_ns        monotonic
  /// Returns   how long to wait first, in nanoseconds; null: longer than max_wait_ns, or the bucket
  ///           never holds as many; nothing was taken then
  std::optional<std::int64_t> take(std::string_view key, std::uint32_t rate, std::uint32_t cost,
                                   std::int64_t now_ns, std::int64_t max_wait_ns);
  /// What was taken and not waited for.
  void give_back(std::string_view key, std::uint32_t rate, std::uint32_t cost, std::int64_t now_ns);
  /// How many are kept.
  std::size_t size() const;

 private:
  struct Bucket {
    double tokens = 0;
    std::int64_t updated_ns = 0;
  };
  using Generation = std::unordered_map<std::string, Bucket>;
  Bucket& bucket(std::string_view key, std::uint32_t rate, std::int64_t now_ns);

  const std::size_t max_buckets_;
  mutable std::mutex mutex_;
  Generation current_;
  Generation previous_;  // not used for a minute: dropped after the next
  std::int64_t turned_ns_ = 0;
};

}  // namespace signet::limits
