#include "rotation.h"

#include <algorithm>
#include <random>

namespace signet::agent {
namespace {

constexpr double kGrace = 12 * 3600;
constexpr double kTargetSpread = 600;

std::uint64_t next_random() {
  // splitmix64; seeded per thread.
  thread_local std::uint64_t state =
      (std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}();
  std::uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double half_life(std::int64_t issued_at, std::int64_t expires_at) {
  const double life = static_cast<double>(expires_at - issued_at);
  if (life <= 0) return 0;
  return static_cast<double>(expires_at) - life * (0.45 + 0.1 * random_unit());
}

}  // namespace

double random_unit() { return static_cast<double>(next_random() >> 11) * 0x1p-53; }

bool past_half_life(std::int64_t issued_at, std::int64_t expires_at, double now) {
  return now >= half_life(issued_at, expires_at);
}

double x509_rotation_time(std::int64_t not_before, std::int64_t not_after,
                          std::chrono::seconds availability_target) {
  const double half = half_life(not_before, not_after);
  const auto target = static_cast<double>(availability_target.count());
  const double life = static_cast<double>(not_after - not_before);
  if (target <= 0 || life - target <= kGrace) return half;
  return std::min(half, static_cast<double>(not_after) - target - kTargetSpread * random_unit());
}

std::chrono::nanoseconds Backoff::next() {
  const double base = static_cast<double>(base_.count());
  const double wanted = std::min(base * factor_, static_cast<double>(cap_.count()));
  factor_ = std::min(factor_ * 1.5, static_cast<double>(cap_.count()) / std::max(base, 1.0) + 1);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(wanted * (0.9 + 0.2 * random_unit())));
}

}  // namespace signet::agent
