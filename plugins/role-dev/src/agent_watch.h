// Waits until the agent hands this very process its identity, as any workload would ask for it.
#pragma once

#include <chrono>
#include <string>

#include "signet/rpc/client.h"

namespace signet::dev {

/// Blocks until the Workload API at `socket` answers this process.
/// Errors   kCancelled: `call` was; kDeadlineExceeded: not within `limit`; what the agent answers
Status wait_for_identity(const Host& host, const Call& call, const std::string& socket,
                         std::chrono::nanoseconds limit);

}  // namespace signet::dev
