// Authorizer: who a connection's peer is, and whether a call of it is allowed. Works from memory
// only, so it may run on the transport's thread.
#pragma once

#include <mutex>
#include <unordered_map>

#include "signet/rpc/peer.h"

#include "service_context.h"
#include "x509/verify.h"

namespace signet::server {

class Authorizer {
 public:
  explicit Authorizer(ServiceContext& context);

  /// Once per TLS connection: the chain against the bundle of the peer's own trust domain. No
  /// certificate is fine (nullptr): such a caller may use what anyone may.
  /// Errors   kInvalidArgument, kPermissionDenied: the handshake fails
  Result<std::shared_ptr<const PeerIdentity>> verify_peer(const RpcPeer& peer);

  /// Once per call. On success `caller.authorized_as` and its neighbours are filled.
  /// Errors   kPermissionDenied with the text and, for agents, the detail that clients expect
  Status authorize(const MethodRule& rule, Caller& caller) const;

 private:
  Status check_agent(Caller& caller) const;
  bool admin_by_config(const SpiffeId& id) const;
  void warn_no_bundle(std::string_view trust_domain);

  ServiceContext& context_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::int64_t> warned_ns_;  // by trust domain
};

}  // namespace signet::server
