// ServerClock: how our clock stands to the server's, as the last good comparison has it.
//
// For explanations: an agent that its server does not talk to (any more) still knows it.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "signet/host.h"

namespace signet::agent {

// Safe from any thread.
class ServerClock {
 public:
  explicit ServerClock(Host host) : host_(std::move(host)) {}

  /// The server's clock said `server_ns` (Unix nanoseconds) at some time between `asked_ns`, of our
  /// wall clock, and now. What took long tells nothing.
  void compare(std::int64_t asked_ns, std::int64_t server_ns);

  struct Reading {
    std::chrono::nanoseconds ahead;  // ours is; less than zero: behind
    std::chrono::nanoseconds age;
  };
  /// Nothing: it never was compared, or our clock was set since.
  std::optional<Reading> reading() const;

 private:
  struct Comparison {
    std::chrono::nanoseconds ahead;
    std::int64_t wall_ns, monotonic_ns;
  };
  const Host host_;
  mutable std::mutex mutex_;
  std::optional<Comparison> last_;
};

}  // namespace signet::agent
