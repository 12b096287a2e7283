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
  int attempts = 0;
  std::int64_t started = 0;  // Unix seconds
};

/// Reads the configured source: file or URL; empty with insecure_bootstrap. Blocks.
/// Errors   kFailedPrecondition: the file or the document cannot be used
///          kUnavailable: the URL does not answer
Result<std::vector<x509::Certificate>> load_first_bundle(const AgentConfig& config,
                                                         const BootstrapAttempt& attempt);

}  // namespace signet::agent
