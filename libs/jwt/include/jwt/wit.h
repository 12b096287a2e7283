// WIT-SVIDs: tokens that are bound to a key of their holder (WIMSE workload identity tokens with a
// SPIFFE ID as subject). A token is of no use without the key that its `cnf` claim names.
//
//   SIGNET_RETURN_IF_ERROR(jwt::check_confirmation(key, "ES256"));
//   auto token = jwt::mint_wit({.spiffe_id = id, .key = key, ...}, key_id, signer);
#pragma once

#include "crypto/key.h"
#include "jwt/svid.h"

namespace signet::jwt {

struct WitParams {
  SpiffeId spiffe_id;
  const crypto::PublicKey& key;  // the holder's
  std::string_view algorithm;    // JWS algorithm the holder signs with; see check_confirmation()
  Time issued_at{};
  Time expires_at{};
  std::string_view issuer = {};  // empty: no `iss`
};

/// Whether a holder with a key of this type may sign with `algorithm`: RS or PS with an RSA key,
/// else the one that goes with the curve.
bool fits_confirmation(crypto::KeyType type, std::string_view algorithm);
/// The same of a key. Errors   kInvalidArgument, in the words of SPIRE's server
Status check_confirmation(const crypto::PublicKey& key, std::string_view algorithm);

/// A token with header {"alg","kid","typ":"wit+jwt"} and the claims cnf, exp, iat, iss, sub.
/// Errors   kInvalidArgument; the signer's
Result<std::string> mint_wit(const WitParams& params, std::string_view key_id,
                             const crypto::Signer& signer);

}  // namespace signet::jwt
