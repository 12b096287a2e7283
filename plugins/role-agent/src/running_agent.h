// RunningAgent: everything that lives between start and stop of an agent.
//
// It comes up in the peer's order: an identity (kept from before, or by attestation), one whole
// sync with the server, and only then the Workload API's socket. Each step is tried again for a
// minute. Afterwards the synchroniser and the renewal of the agent's own SVID go on by themselves,
// and what the server says about this agent decides whether it stays.
#pragma once

#include <atomic>
#include <memory>

#include "agent_data.h"
#include "agent_identity.h"
#include "config.h"
#include "identity_store.h"
#include "jwt_cache.h"
#include "loop.h"
#include "rotation.h"
#include "server_client.h"
#include "server_trust.h"
#include "synchroniser.h"
#include "verdict.h"
#include "workload_endpoint.h"

namespace signet::agent {

class RunningAgent {
 public:
  /// Reads what is stored and begins to come up; the rest happens on workers.
  /// Errors   kFailedPrecondition: what is stored cannot be used, or a plugin is missing
  static Result<std::unique_ptr<RunningAgent>> start(const Host& host, const AgentConfig& config);
  ~RunningAgent();
  /// Closes the Workload API; calls under way may end for that long. Blocks.
  void drain(std::chrono::nanoseconds time);

 private:
  RunningAgent(const Host& host, const AgentConfig& config);
  Status open();
  void end(const std::string& reason);

  // Coming up.
  std::chrono::nanoseconds boot_round();
  Status come_up();
  Status find_identity();
  Status first_trust();
  Status serve();

  // The agent's own SVID.
  Status attest();
  Status renew();
  Result<AgentSvidPtr> accept(const types::X509SVID& svid, const AgentCsr& key, bool reattestable);
  std::chrono::nanoseconds renewal_round();
  Status renew_identity(const AgentSvid& svid);

  // What the server thinks of this agent.
  void judge(const Status& failure);
  void forget_identity();
  void keep(const std::function<void(AgentData&)>& change);

  const Host host_;
  const AgentConfig config_;
  const AgentDataFile file_;
  std::mutex data_mutex_;  // guards data_ and the file
  AgentData data_;
  AgentIdentity identity_;
  ServerTrust trust_;
  ServerClient server_;
  IdentityStore store_;
  JwtCache jwt_;
  Synchroniser sync_;
  WorkloadEndpoint endpoint_;

  enum class Phase { kIdentity, kSync, kServing };
  Phase phase_ = Phase::kIdentity;  // of the boot loop alone
  std::int64_t phase_began_ns_ = 0;
  Backoff boot_backoff_;
  Backoff renewal_backoff_;
  std::atomic<bool> up_{false};
  std::atomic<bool> must_reattest_{false};
  std::atomic<bool> ending_{false};
  Loop boot_loop_;
  Loop renewal_loop_;
};

}  // namespace signet::agent
