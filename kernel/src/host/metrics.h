// Metrics: the facade behind signet.host.metrics; counters, gauges and samples in memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace signet::kernel {

class Metrics {
 public:
  static constexpr std::size_t kMaxSeries = 4096;  // more are counted as dropped

  struct Series {
    std::uint32_t kind = 0;
    double value = 0;  // counter and sample: the sum; gauge: the last
    std::uint64_t count = 0;
  };

  /// key      name and labels as one text, "rpc.calls{method=x}"
  void record(std::uint32_t kind, std::string_view key, double value);
  void each(const std::function<void(const std::string& key, const Series&)>& fn) const;
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Series> series_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace signet::kernel
