// The server's side: verify the chain, demand a proof of the key, say who it is.
#pragma once

#include <memory>
#include <string>

#include "signet/attestor.h"

#include "config.h"
#include "messages.h"
#include "x509/verify.h"

namespace signet::x509pop {

// One configuration of the server's side. Immutable.
struct ServerSide {
  ServerConfig config;
  x509::RootPool ca_bundle;  // external_pki
  std::string plugin_name;
};

// One attestation: the payload, then the challenge's response.
//
// Codes and texts are SPIRE's where log searches know them:
//   kInvalidArgument    malformed payload or certificates; too many or too large ones
//   kPermissionDenied   "certificate verification failed: ...", "challenge response verification
//                       failed: ...", an address that the leaf does not name
//   kInternal           the leaf may not sign (no digitalSignature); no agent ID comes out
class ServerSession final : public NodeAttestorServerSession {
 public:
  ServerSession(Host host, std::shared_ptr<const ServerSide> side, TrustDomain trust_domain,
                std::string client_address)
      : host_(std::move(host)),
        side_(std::move(side)),
        trust_domain_(std::move(trust_domain)),
        client_address_(std::move(client_address)) {}

  Result<ServerStep> step(std::string_view from_agent, std::int64_t deadline_ns) override;

 private:
  Result<ServerStep> judge_certificates(std::string_view payload);
  Result<ServerStep> judge_response(std::string_view response);
  Result<std::vector<x509::Certificate>> verified_path(const std::vector<x509::Certificate>& chain);
  Status check_client_address(const x509::Certificate& leaf) const;

  const Host host_;
  const std::shared_ptr<const ServerSide> side_;
  const TrustDomain trust_domain_;
  const std::string client_address_;     // "10.0.0.7:4711"
  std::vector<x509::Certificate> path_;  // leaf first, root last; empty before the first step
  std::string svid_path_trimmed_;        // mode spiffe
  Challenge challenge_;
  bool ended_ = false;
};

}  // namespace signet::x509pop
