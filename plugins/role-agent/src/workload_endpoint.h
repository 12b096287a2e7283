// WorkloadEndpoint: the Workload API's socket and the services on it.
//
// SpiffeWorkloadAPI, Envoy's SDS, grpc.health.v1.Health and server reflection. Plaintext on a Unix
// socket: the kernel says who calls. The socket exists from start() to stop().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "signet/rpc/listener.h"

#include "caller_attestor.h"
#include "caller_limits.h"
#include "hold.h"
#include "identity_table.h"
#include "sds_names.h"
#include "wit_minter.h"

namespace signet::agent {

struct WorkloadOptions {
  TrustDomain trust_domain;
  std::string socket_path;
  bool allow_unauthenticated_verifiers = false;
  std::vector<std::string> allowed_foreign_jwt_claims;
  bool disabled = false;     // the service is not offered; health and reflection are
  std::int32_t own_pid = 0;  // the agent's: it has no entries to wait for
  CallRates call_rates;
  std::vector<std::string> log_selectors;  // see no_identity.h
  bool sds_disabled = false;
  SdsOptions sds;
  WitMinter* wit = nullptr;  // null: the WIT profile is not offered
};

class SdsService;
class WorkloadService;

class WorkloadEndpoint {
 public:
  /// ready   whether the agent has what it needs to serve: what health says
  WorkloadEndpoint(Host host, WorkloadOptions options, IdentityTable& table, JwtSource& jwt,
                   Hold& hold, std::function<bool()> ready);
  ~WorkloadEndpoint();

  /// Opens the socket and serves. Blocks shortly: from a worker only.
  Status start();
  /// Lets calls end for that long, then cancels them; when it returns nothing runs any more.
  void stop(std::chrono::nanoseconds drain);

  /// Shared with the admin socket, whose callers are attested the same way.
  CallerAttestor& attestor() { return attestor_; }

 private:
  Status register_services();

  Host host_;
  WorkloadOptions options_;
  Hold& hold_;
  CallerAttestor attestor_;
  CallerLimits limits_;
  std::unique_ptr<WorkloadService> service_;
  std::unique_ptr<SdsService> sds_;
  std::unique_ptr<RpcListener> listener_;
};

}  // namespace signet::agent
