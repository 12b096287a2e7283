// PeerCheck: the verification of an https_spiffe endpoint (SPIFFE Federation 5.2.2): the server
// shows an X509-SVID that leads to one of the roots and is of exactly the expected ID.
#pragma once

#include <string>
#include <vector>

#include "signet/spiffe_id.h"

#include "x509/verify.h"

namespace signet::https_federation {

class PeerCheck {
 public:
  /// roots   DER. Errors   kInvalidArgument
  static Result<PeerCheck> make(const std::string& endpoint_id,
                                const std::vector<std::string>& roots, x509::Time now);

  /// Makes `ssl_ctx` (an SSL_CTX*) ask this object, which outlives the handshake.
  void install(void* ssl_ctx);
  /// Why the last server was refused; ok when none was.
  const Status& refusal() const { return refusal_; }

 private:
  PeerCheck(SpiffeId id, x509::RootPool roots, x509::Time now)
      : id_(std::move(id)), roots_(std::move(roots)), now_(now) {}
  Status judge(const std::vector<std::string>& chain) const;

  SpiffeId id_;
  x509::RootPool roots_;
  x509::Time now_;
  Status refusal_;
};

}  // namespace signet::https_federation
