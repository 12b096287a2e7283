// CallerLimits: how often callers may make each call of the agent's public socket
// (experimental.ratelimit). Callers with the same selectors count as one, and so do all without
// any; the agent itself is not counted.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "signet/rpc/server_call.h"

#include "identity_table.h"
#include "limits/token_buckets.h"

namespace signet::agent {

// Calls a second, and at once, by full method name; what is not named is not limited.
using CallRates = std::map<std::string, std::uint32_t>;

class CallerLimits {
 public:
  /// own_pid   the agent's
  CallerLimits(CallRates rates, std::int32_t own_pid)
      : rates_(std::move(rates)), own_pid_(own_pid) {}

  /// Counts this call of a caller that was found to have these selectors. Does not block. Refused
  /// ones are counted by the metric workload_api.rate_limit_exceeded, by method.
  /// Errors   kUnavailable "rate limit exceeded for METHOD"
  Status count(const ServerCall& call, std::int32_t pid, const SelectorSet& selectors);

 private:
  // A caller cannot choose its selectors freely, but may have many executables.
  static constexpr std::size_t kBuckets = 16384;

  const CallRates rates_;
  const std::int32_t own_pid_;
  limits::TokenBuckets buckets_{kBuckets};
};

}  // namespace signet::agent
