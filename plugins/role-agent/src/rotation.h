// When something that expires is renewed. Each question draws a fresh random number, so that what
// was issued together is not renewed together.
#pragma once

#include <chrono>
#include <cstdint>

namespace signet::agent {

/// Fast, per thread, not for secrets.
double random_unit();  // [0, 1)

/// Renewal is due when less than about half of the life is left: the threshold is uniform in
/// [0.45, 0.55) of the life. Something without a life is always due. Unix seconds.
bool past_half_life(std::int64_t issued_at, std::int64_t expires_at, double now);

/// The moment of the same for X509-SVIDs, and with an availability target also when less than that
/// target (plus up to ten minutes) is left, provided more than twelve hours of grace remain before
/// it. 0 for one without a life.
double x509_rotation_time(std::int64_t not_before, std::int64_t not_after,
                          std::chrono::seconds availability_target);
inline bool should_rotate_x509(std::int64_t not_before, std::int64_t not_after, double now,
                               std::chrono::seconds availability_target) {
  return now >= x509_rotation_time(not_before, not_after, availability_target);
}

/// A delay that grows by half with each failure, within [base, cap], with 10 % of jitter.
class Backoff {
 public:
  Backoff(std::chrono::nanoseconds base, std::chrono::nanoseconds cap) : base_(base), cap_(cap) {}
  std::chrono::nanoseconds next();
  void reset() { factor_ = 1; }

 private:
  std::chrono::nanoseconds base_, cap_;
  double factor_ = 1;
};

}  // namespace signet::agent
