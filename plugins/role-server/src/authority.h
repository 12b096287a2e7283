// What signs: one authority of each kind, ready for use. Immutable; held by shared pointers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/signer.h"
#include "x509/svid_issuer.h"

namespace signet::server {

enum class AuthorityType : std::uint8_t { kX509, kJwt, kWit };

struct Authority {
  std::string authority_id;  // X.509: lower-case hex of the subject key ID. JWT, WIT: the kid
  std::int64_t not_after = 0;
};
struct X509Authority : Authority {
  x509::Certificate certificate;  // the CA certificate
  // DER, what follows a leaf in SVID chains: `certificate`, then up to below the upstream's root;
  // empty when `certificate` is itself the root.
  std::vector<std::string> upstream_chain;
  std::string root_id;  // hex key ID of the upstream's root; "" without one
  x509::SvidIssuer issuer;
};
struct TokenAuthority : Authority {  // of JWT-SVIDs or WIT-SVIDs
  std::shared_ptr<const crypto::Signer> signer;
};
using AuthorityPtr = std::shared_ptr<const Authority>;
using X509AuthorityPtr = std::shared_ptr<const X509Authority>;
using TokenAuthorityPtr = std::shared_ptr<const TokenAuthority>;

// SPIRE's schedule for an authority that lives from `issued_at` to `not_after`.
struct AuthoritySchedule {
  std::int64_t prepare_at;   // when its successor is made and published
  std::int64_t activate_at;  // when its successor takes over
  static AuthoritySchedule of(std::int64_t issued_at, std::int64_t not_after);
};

// One authority as operators see it.
struct AuthorityInfo {
  std::string authority_id;
  std::int64_t expires_at = 0;
  std::string upstream_authority_id;  // hex SKI of the upstream's root; "" when self-signed
};
struct AuthorityState {
  std::optional<AuthorityInfo> active, prepared, old;
};

}  // namespace signet::server
