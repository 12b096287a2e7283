// Rebootstrap: the bundle that the agent takes from its configured source, the first time and
// again.
//
// What the server tells later is stored and wins over the source. When whoever answers at the
// server's address is signed by nobody known, the server was rebuilt or it is somebody else: with
// rebootstrap_mode the agent waits rebootstrap_delay whether that passes, and then believes its
// source once more. The clock is stored in SPIRE's fields, so that a restart, of either agent, goes
// on with it.
#pragma once

#include <atomic>

#include "agent_data.h"
#include "config.h"
#include "server_trust.h"

namespace signet::agent {

class Rebootstrap {
 public:
  Rebootstrap(Host host, const AgentConfig& config, AgentState& state, ServerTrust& trust)
      : host_(std::move(host)),
        config_(config),
        state_(state),
        trust_(trust),
        mode_(config.rebootstrap) {}

  /// Goes on with what is stored. An agent that cannot attest by itself once more has no use of it.
  /// Errors   kFailedPrecondition: it cannot, and rebootstrap_mode is "always"
  Status open();
  /// The same for an identity that was just found.
  Status check(bool reattestable);
  bool enabled() const { return mode_ != RebootstrapMode::kNever; }
  /// Has there never been a bundle from the server?
  bool is_first() const;

  /// From the source into the trust; the attempt is counted, and told to who is asked over a Unix
  /// socket. Blocks. Errors   as load_first_bundle()
  Status take();

  /// The server is signed by nobody known. Starts the clock and tells the log.
  void doubt();
  /// That has lasted long enough.
  bool due() const;
  /// A server that is known answered.
  void settled();

 private:
  const Host host_;
  const AgentConfig& config_;
  AgentState& state_;
  ServerTrust& trust_;
  std::atomic<RebootstrapMode> mode_;
  std::atomic<std::int64_t> since_{0};  // Unix seconds; 0: there is no doubt
  std::atomic<bool> settled_{false};    // and so stored
};

}  // namespace signet::agent
