#include "rate_limiter.h"

namespace signet::server {
namespace {

std::string key_of(Limit limit, std::string_view who) {
  std::string key(1, static_cast<char>(limit));
  return key.append(who);
}

}  // namespace

Result<std::int64_t> RateLimiter::take(Limit limit, std::string_view who, std::uint32_t cost,
                                       std::int64_t now_ns, std::int64_t deadline_ns) {
  const std::uint32_t rate = rate_of(limit);  // also the burst
  if (cost > rate) {
    return Status::resource_exhausted("rate (" + std::to_string(cost) + ") exceeds burst size (" +
                                      std::to_string(rate) + ")");
  }
  const std::int64_t longest = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - now_ns;
  const auto wait = buckets_.take(key_of(limit, who), rate, cost, now_ns, longest);
  if (!wait) {
    return Status::resource_exhausted("rate: Wait(n=" + std::to_string(cost) +
                                      ") would exceed context deadline");
  }
  return *wait;
}

void RateLimiter::give_back(Limit limit, std::string_view who, std::uint32_t cost,
                            std::int64_t now_ns) {
  buckets_.give_back(key_of(limit, who), rate_of(limit), cost, now_ns);
}

Result<std::uint64_t> DelayedWork::run_after(std::int64_t delay_ns, std::function<void()> work) {
  const signet_host_timer* timers = host_.timers();
  if (timers == nullptr) return Status::unavailable("the host has no timers");
  std::lock_guard lock(mutex_);  // fire() waits for it, so the item is complete when it runs
  if (stopped_) return Status::unavailable("the server is stopping");
  const std::uint64_t number = ++last_number_;
  auto item = std::make_unique<Item>(Item{this, number, 0, std::move(work)});
  const signet_status code = timers->start(host_.abi(), host_.monotonic_ns() + delay_ns, 0,
                                           &DelayedWork::fire, item.get(), &item->timer);
  if (code != SIGNET_OK) return Status(static_cast<Code>(code), "cannot start a timer");
  waiting_.emplace(number, std::move(item));
  return number;
}

void DelayedWork::drop(std::uint64_t number) {
  std::unique_ptr<Item> gone;
  {
    std::lock_guard lock(mutex_);
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) return;
    gone = std::move(found->second);
    waiting_.erase(found);
  }
  host_.timers()->cancel(host_.abi(), gone->timer);  // fire() does not come after this
}

void DelayedWork::fire(void* arg) {
  auto* item = static_cast<Item*>(arg);
  std::unique_ptr<Item> owned;
  {
    std::lock_guard lock(item->owner->mutex_);
    auto& waiting = item->owner->waiting_;
    const auto found = waiting.find(item->number);
    if (found == waiting.end()) return;  // drop() or stop() has it
    owned = std::move(found->second);
    waiting.erase(found);
  }
  try {
    owned->work();
  } catch (...) {  // nothing crosses the border
  }
}

void DelayedWork::stop() {
  std::unordered_map<std::uint64_t, std::unique_ptr<Item>> left;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    left.swap(waiting_);
  }
  for (const auto& [number, item] : left) host_.timers()->cancel(host_.abi(), item->timer);
}

}  // namespace signet::server
