#include "server_clock.h"

namespace signet::agent {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kLong = std::chrono::seconds(2);  // for an answer
constexpr nanoseconds kStep = std::chrono::seconds(1);  // from here on the clock was set

}  // namespace

void ServerClock::compare(std::int64_t asked_ns, std::int64_t server_ns) {
  const std::int64_t now = host_.wall_ns();
  const nanoseconds took(now - asked_ns);
  if (took < nanoseconds(0) || took > kLong) return;
  const std::lock_guard lock(mutex_);
  last_ = {nanoseconds(now - server_ns) - took / 2, now, host_.monotonic_ns()};
}

std::optional<ServerClock::Reading> ServerClock::reading() const {
  const std::lock_guard lock(mutex_);
  if (!last_) return std::nullopt;
  const nanoseconds age(host_.monotonic_ns() - last_->monotonic_ns);
  const nanoseconds step = nanoseconds(host_.wall_ns() - last_->wall_ns) - age;
  if (step > kStep || step < -kStep) return std::nullopt;
  return Reading{last_->ahead, age};
}

}  // namespace signet::agent
