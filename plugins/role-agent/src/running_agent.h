// RunningAgent: everything that lives between start and stop of an agent.
//
// It comes up in the peer's order: an identity (kept from before, or by attestation), then one
// whole sync with the server. Each step is tried again for a minute. Callers are held meanwhile
// (hold.h), and the agent's health says that it is not ready; where nobody is held, the Workload
// API's socket is opened last. Afterwards the synchroniser and the agent's own SVID go on by
// themselves.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "admin_endpoint.h"
#include "delegated_service.h"
#include "delivery.h"
#include "explain_service.h"
#include "hold.h"
#include "identity_store.h"
#include "jwt_cache.h"
#include "operator_services.h"
#include "own_svid.h"
#include "rebootstrap.h"
#include "server_client.h"
#include "server_clock.h"
#include "synchroniser.h"
#include "workload_endpoint.h"

namespace signet::agent {

class RunningAgent {
 public:
  /// Reads what is stored and begins to come up; the rest happens on workers.
  /// Errors   kFailedPrecondition: what is stored cannot be used, or a plugin is missing
  static Result<std::unique_ptr<RunningAgent>> start(const Host& host, const AgentConfig& config);
  ~RunningAgent();
  /// Closes the sockets; calls under way may end for that long. Blocks.
  void drain(std::chrono::nanoseconds time);

 private:
  RunningAgent(const Host& host, const AgentConfig& config);
  Status open();
  void end(const std::string& reason);

  // Coming up.
  std::chrono::nanoseconds boot_round();
  Status come_up();
  Status first_trust();
  void unknown_authority();
  Status open_socket();
  Status open_admin_socket();
  Status serve();
  AgentStanding standing() const;
  OwnSvid::Hooks own_svid_hooks();
  Delivery::Hooks delivery_hooks();

  const Host host_;
  const AgentConfig config_;
  AgentState state_;
  AgentIdentity identity_;
  ServerTrust trust_;
  ServerClock clock_;
  Rebootstrap rebootstrap_;
  x509::RootPool old_roots_;  // before a bundle was taken from the source again
  ServerClient server_;
  IdentityStore store_;
  JwtCache jwt_;
  WitMinter wit_;
  Synchroniser sync_;
  OwnSvid svid_;
  Delivery delivery_;
  Hold hold_;
  WorkloadEndpoint endpoint_;
  DebugService debug_;
  LoggerService logger_;
  DelegatedService delegated_;
  ExplainService explain_;
  AdminEndpoint admin_;

  enum class Phase { kIdentity, kSync, kServing };
  Phase phase_ = Phase::kIdentity;  // of the boot loop alone
  std::int64_t phase_began_ns_ = 0;
  Backoff boot_backoff_;
  std::atomic<bool> up_{false};
  std::atomic<std::int64_t> last_sync_{0};  // Unix seconds
  std::atomic<bool> ending_{false};
  std::atomic<bool> banned_{false};
  mutable std::mutex why_mutex_;
  std::string why_;  // it is not up yet
  Loop boot_loop_;
};

}  // namespace signet::agent
