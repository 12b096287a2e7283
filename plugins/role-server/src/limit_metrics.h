// What the rate limits do to calls, as the peer's metrics tell it: for each call of a method that
// has a limit a counter `rateLimit.KEY`, by how the wait for its turn ended (`status`: OK,
// ResourceExhausted for one that was refused, Canceled for one that was given up), and a sample
// `rateLimit.KEY.elapsed_time` of how long it waited, in seconds. There are as many KEYs as there
// are methods with a limit, and three of each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "signet/host.h"

namespace signet::server {

/// "/spire.api.server.agent.v1.Agent/AttestAgent" -> "agent.v1.agent.attest_agent"
std::string metric_key(std::string_view method);

void count_limited(const Host& host, std::string_view method, Code status, std::int64_t waited_ns);

}  // namespace signet::server
