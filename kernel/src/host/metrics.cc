#include "host/metrics.h"

#include "signet/abi/host.h"

namespace signet::kernel {

void Metrics::record(std::uint32_t kind, std::string_view key, double value) {
  const std::lock_guard lock(mutex_);
  auto found = series_.find(std::string(key));
  if (found == series_.end()) {
    if (series_.size() >= kMaxSeries) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    found = series_.emplace(std::string(key), Series{kind, 0, 0}).first;
  }
  Series& series = found->second;
  series.value = kind == SIGNET_METRIC_GAUGE ? value : series.value + value;
  ++series.count;
}

void Metrics::each(const std::function<void(const std::string&, const Series&)>& fn) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, series] : series_) fn(key, series);
}

}  // namespace signet::kernel
