// The first bundle: what the agent trusts before it has ever spoken to its server.
#pragma once

#include <string>
#include <vector>

#include "signet/host.h"

#include "config.h"
#include "x509/certificate.h"

namespace signet::agent {

// What the agent tells a bundle service about itself, when that is asked over a Unix socket.
struct BootstrapAttempt {
  bool again = false;  // its server was known before
  int attempts = 0;
  std::int64_t started = 0;  // Unix seconds
};

/// Reads the configured source: another agent's Workload API, a URL or a file; empty with
/// insecure_bootstrap. Blocks, a minute at most.
/// Errors   kFailedPrecondition: the file cannot be used
///          kUnavailable: nobody answers, or with something that cannot be used
Result<std::vector<x509::Certificate>> load_first_bundle(const Host& host,
                                                         const AgentConfig& config,
                                                         const BootstrapAttempt& attempt);

}  // namespace signet::agent
