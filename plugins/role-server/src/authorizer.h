// Authorizer: who a connection's peer is, and whether a call of it is allowed.
//
// What records decide is decided in two steps. authorize() looks at memory only, so it may run on
// the transport's thread; what memory allows while it is live is allowed. For the rest, confirm()
// asks the datastore on a worker: memory may be too old, and even a live one does not know yet what
// another server did a moment ago. An agent that is refused attests again, or stops for good, so
// nothing is refused without having asked.
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

  /// Once per call. On success `caller.authorized_as` and its neighbours are filled, or
  /// `caller.unconfirmed` is set. Does not block.
  /// Errors   kPermissionDenied with the text and, for agents, the detail that clients expect
  Status authorize(const MethodRule& rule, Caller& caller) const;
  /// Decides anew what authorize() left unconfirmed. While the datastore is away, memory decides
  /// whom to allow for as long as it may. Blocks.
  /// Errors   as authorize(); kUnavailable: nobody can tell now
  Status confirm(const MethodRule& rule, Caller& caller) const;

 private:
  class Memory;
  class Stored;
  /// looked: whether the decision rests on records.
  template <typename Records>
  Status decide(const Records& records, const MethodRule& rule, Caller& caller, bool& looked) const;
  Status check_agent(const Result<AgentPtr>& record, Caller& caller) const;
  bool admin_by_config(const SpiffeId& id) const;
  void warn_no_bundle(std::string_view trust_domain);

  ServiceContext& context_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::int64_t> warned_ns_;  // by trust domain
};

}  // namespace signet::server
