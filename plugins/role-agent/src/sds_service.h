// SdsService: the methods of envoy.service.secret.v3.SecretDiscoveryService, for Envoys beside the
// workloads. Who calls is found out as for the Workload API; no header is needed.
#pragma once

#include <functional>

#include "signet/rpc/listener.h"

#include "hold.h"
#include "identity_table.h"
#include "open_calls.h"
#include "workload_endpoint.h"

namespace signet::agent {

class SdsStream;

class SdsService {
 public:
  static constexpr const char* kName = "envoy.service.secret.v3.SecretDiscoveryService";

  using Serve = std::function<void(const SelectorSet&)>;
  /// attest   goes on with the caller's selectors, at once or later, or ends the call
  using Attest = std::function<void(const std::shared_ptr<ServerCall>&, Serve)>;
  SdsService(Host host, const WorkloadOptions& options, Attest attest, IdentityTable& table,
             Hold& hold)
      : host_(std::move(host)),
        options_(options),
        attest_(std::move(attest)),
        table_(table),
        hold_(hold) {}

  Status register_methods(RpcListener& listener);
  /// Ends every open stream, so that a drain need not wait for them.
  void end_streams() { streams_.end_all(); }

 private:
  void begin(const std::shared_ptr<ServerCall>& call, std::shared_ptr<SdsStream> stream,
             std::string_view first, bool more);
  Hold* hold_of(const ServerCall& call) const;

  const Host host_;
  const WorkloadOptions& options_;
  const Attest attest_;
  IdentityTable& table_;
  Hold& hold_;
  OpenCalls streams_;
};

}  // namespace signet::agent
