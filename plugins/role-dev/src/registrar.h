// Registrar: prepares a server for the agent and the workload of `signet dev`, over its admin
// socket. Whatever an earlier run left there is used again.
#pragma once

#include <memory>
#include <string>

#include "signet/rpc/client.h"
#include "signet/spiffe_id.h"

namespace signet::dev {

class Registrar {
 public:
  static Result<Registrar> connect(const Host& host, const TrustDomain& trust_domain,
                                   const std::string& admin_socket);

  /// The trust domain's X.509 authorities, as PEM.
  Result<std::string> bundle_pem();

  /// Whether an agent of an earlier run has an SVID that is good for a minute or more.
  Result<bool> knows_good_agent();
  /// A token for one new agent, which gets `node_id` as an alias. The aliases of agents before
  /// it are removed.
  Result<std::string> token_for_new_agent(const SpiffeId& node_id);

  /// Registers all processes of `uid` as `spiffe_id` on the agents that are `node_id`.
  Status register_user(const SpiffeId& spiffe_id, const SpiffeId& node_id, unsigned uid);

 private:
  Registrar(Host host, TrustDomain trust_domain, std::unique_ptr<RpcConnection> connection)
      : host_(std::move(host)),
        trust_domain_(std::move(trust_domain)),
        connection_(std::move(connection)) {}
  template <typename Response, typename Request>
  Result<Response> ask(const char* method, const Request& request);
  Status remove_aliases(const SpiffeId& node_id);

  Host host_;
  TrustDomain trust_domain_;
  std::unique_ptr<RpcConnection> connection_;
};

}  // namespace signet::dev
