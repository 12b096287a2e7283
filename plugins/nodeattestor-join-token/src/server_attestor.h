// The server's side of a join token: the token is burnt in the datastore, then judged.
#pragma once

#include <string>
#include <string_view>

#include "signet/attestor.h"
#include "signet/host.h"

namespace signet::join_token {

/// The id of a token's record: lower-case hex of its SHA-256. The token itself is not stored.
std::string record_id(std::string_view token);

// One attestation: its only step takes the token and ends it.
//
// Codes and texts are SPIRE's, since its agents and log searches know them:
//   kInvalidArgument  "failed to attest: join token does not exist or has already been used",
//                     "join token expired"
//   kInternal         the datastore failed; the token may be used again if it was not burnt
class ServerSession final : public NodeAttestorServerSession {
 public:
  ServerSession(Host host, std::string trust_domain)
      : host_(std::move(host)), trust_domain_(std::move(trust_domain)) {}

  Result<ServerStep> step(std::string_view from_agent, std::int64_t deadline_ns) override;

 private:
  Host host_;
  std::string trust_domain_;
  bool ended_ = false;
};

}  // namespace signet::join_token
