// OwnSvid: the agent's own X509-SVID, through its whole life.
//
// It is found on disk or got by attestation, renewed in time, and given up when the server says
// that this agent is not, or no longer, one of its own.
//
//   server's reason          while running
//   expired, not attested,   an agent that can attest again does so and goes on; another forgets
//   not active, must reattest  its SVID and ends
//   banned                   it forgets its SVID and ends
//   none                     whoever made the call tries again later
//
// While the agent comes up any of the reasons ends it: see RunningAgent.
#pragma once

#include <atomic>
#include <memory>

#include "agent_data.h"
#include "agent_identity.h"
#include "config.h"
#include "loop.h"
#include "rotation.h"
#include "server_api.h"
#include "server_trust.h"

namespace signet::agent {

class OwnSvid {
 public:
  struct Hooks {
    /// Opens the node attestor.
    std::function<Result<std::unique_ptr<NodeProof>>()> prove;
    /// The SVID was replaced: connections that show the old one are of no use now.
    std::function<void()> replaced;
    /// By an attestation, which brought this bundle with it.
    std::function<Status(const x509::Bundle&)> attested;
    /// Is this chain under an authority that must not be relied on any longer?
    std::function<bool(const std::vector<x509::Certificate>&)> tainted;
    /// The server is signed by nobody known. False: the agent cannot go on so.
    std::function<bool()> unknown_authority = [] { return false; };
    /// That is to be ended by an attestation with a bundle from the source, which bootstrap()
    /// takes.
    std::function<bool()> bootstrap_due = [] { return false; };
    std::function<Status()> bootstrap = [] { return Status(); };
    /// This agent was banned: nothing may be served any more.
    std::function<void()> banned;
    /// The agent cannot go on. Called any number of times.
    std::function<void(const std::string& reason)> end;
  };
  OwnSvid(Host host, const AgentConfig& config, ServerApi& server, AgentIdentity& identity,
          ServerTrust& trust, AgentState& state, Hooks hooks);

  /// The stored SVID when it is still good, else by attestation. Blocks; before start() only.
  Status find();
  /// Looks after it from now on.
  void start();
  void stop();
  /// A call to the server failed: what does that say about this agent? Only after start().
  void judge(const Status& failure);

 private:
  Status attest();
  Status renew();
  Status replace();
  Result<AgentSvidPtr> accept(const types::X509SVID& svid, const AgentCsr& key, bool reattestable);
  bool due(const AgentSvid& svid) const;
  std::chrono::nanoseconds round();
  void give_up(const std::string& reason);
  double now() const { return static_cast<double>(host_.wall_ns()) / 1e9; }

  const Host host_;
  const AgentConfig& config_;
  ServerApi& server_;
  AgentIdentity& identity_;
  ServerTrust& trust_;
  AgentState& state_;
  const Hooks hooks_;
  std::atomic<bool> started_{false};
  std::atomic<bool> must_reattest_{false};
  std::atomic<bool> over_{false};
  Backoff backoff_;
  Loop loop_;
};

}  // namespace signet::agent
