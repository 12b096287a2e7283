#include "caller_limits.h"

#include "crypto/hash.h"

namespace signet::agent {
namespace {

// The parts are ended by NUL, which no selector has.
std::string key_of(const std::string& method, const SelectorSet& selectors) {
  std::string text = method + '\0';
  for (const Selector& selector : selectors) {
    text.append(selector.type).push_back('\0');
    text.append(selector.value).push_back('\0');
  }
  return crypto::to_string(crypto::sha256(text));
}

}  // namespace

Status CallerLimits::count(const ServerCall& call, std::int32_t pid, const SelectorSet& selectors) {
  if (pid == own_pid_) return {};
  const auto rate = rates_.find(call.method());
  if (rate == rates_.end()) return {};
  if (buckets_.take(key_of(call.method(), selectors), rate->second, 1, call.host().monotonic_ns(),
                    0)) {
    return {};
  }
  call.host().count("workload_api.rate_limit_exceeded", {{"method", call.method()}});
  return Status::unavailable("rate limit exceeded for " + call.method());
}

}  // namespace signet::agent
