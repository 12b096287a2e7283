#include "limits/token_buckets.h"

#include <algorithm>

namespace signet::limits {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kGeneration = 60 * kSecond;

}  // namespace

TokenBuckets::Bucket& TokenBuckets::bucket(std::string_view key, std::uint32_t rate,
                                           std::int64_t now_ns) {
  if (now_ns - turned_ns_ >= kGeneration) {
    previous_ = now_ns - turned_ns_ >= 2 * kGeneration ? Generation() : std::move(current_);
    current_.clear();
    turned_ns_ = now_ns;
  }
  std::string name(key);
  // "" is nobody's key, so it is what those beyond the limit share.
  if (current_.size() >= max_buckets_ && !current_.contains(name)) name.clear();
  const auto [place, is_new] = current_.try_emplace(name);
  if (is_new) {
    const auto old = previous_.find(name);
    place->second =
        old == previous_.end() ? Bucket{static_cast<double>(rate), now_ns} : old->second;
  }
  return place->second;
}

std::optional<std::int64_t> TokenBuckets::take(std::string_view key, std::uint32_t rate,
                                               std::uint32_t cost, std::int64_t now_ns,
                                               std::int64_t max_wait_ns) {
  if (cost > rate) return std::nullopt;
  const std::lock_guard lock(mutex_);
  Bucket& b = bucket(key, rate, now_ns);
  const double gained =
      static_cast<double>(std::max<std::int64_t>(now_ns - b.updated_ns, 0)) / kSecond * rate;
  const double tokens = std::min<double>(b.tokens + gained, rate) - cost;
  std::int64_t wait = 0;
  if (tokens < 0) wait = static_cast<std::int64_t>(-tokens / rate * kSecond);
  if (wait > 0 && wait > max_wait_ns) return std::nullopt;
  b.tokens = tokens;
  b.updated_ns = std::max(b.updated_ns, now_ns);
  return wait;
}

void TokenBuckets::give_back(std::string_view key, std::uint32_t rate, std::uint32_t cost,
                             std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  Bucket& b = bucket(key, rate, now_ns);
  b.tokens = std::min<double>(b.tokens + cost, rate);
}

std::size_t TokenBuckets::size() const {
  const std::lock_guard lock(mutex_);
  return current_.size() + previous_.size();
}

}  // namespace signet::limits
