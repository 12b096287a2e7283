// UpstreamLink: what belongs to one configuration: the identity, where it comes from, the server.
#pragma once

#include <chrono>

#include "config.h"
#include "upstream_identity.h"
#include "upstream_server.h"
#include "workload_client/rpc_transport.h"
#include "workload_client/x509_source.h"

namespace signet::spire_upstream {

class UpstreamLink {
 public:
  /// Begins to ask the Workload API at once.
  UpstreamLink(const Host& host, const Config& config, const TrustDomain& trust_domain);

  /// The server, as soon as there is an identity to show it; waits that long for one.
  /// Errors   kUnavailable, kFailedPrecondition
  Result<UpstreamServer*> server(std::chrono::seconds patience);

 private:
  const Host host_;
  // In this order: the source, which has a thread of its own, ends first.
  UpstreamIdentity identity_;
  UpstreamServer server_;
  workload_client::RpcTransport transport_;
  workload_client::X509Source source_;
};

}  // namespace signet::spire_upstream
