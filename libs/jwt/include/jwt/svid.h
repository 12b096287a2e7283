// JwtSvid: minting and judging JWT-SVIDs (SPIFFE JWT-SVID 2 to 5; JWS compact form, RFC 7515).
//
//   auto token = jwt::mint_svid({.spiffe_id = id, .audience = {"db"}, ...}, key_id, signer);
//   KeyStore keys; keys.add(bundle);
//   auto svid = jwt::validate_svid(*token, keys, "db", now);
#pragma once

#include <map>

#include "signet/spiffe_id.h"

#include "crypto/signer.h"
#include "x509/bundle.h"

namespace signet::jwt {

using x509::Time;

inline constexpr std::size_t kMaxTokenBytes = 16 * 1024;
inline constexpr std::chrono::seconds kLeeway{60};

struct SvidParams {
  SpiffeId spiffe_id;
  std::vector<std::string> audience = {};  // empty strings are dropped; one must remain
  Time issued_at{};
  Time expires_at{};
  std::string issuer = {};             // empty: no `iss`
  std::string jti = {};                // empty: no `jti`; see new_jti()
  std::string extra_claims_json = {};  // empty, or an object whose members are added; the claims
                                       // above win
};

/// A token `header.claims.signature`. Header {"alg","kid","typ"}, claims in alphabetical order,
/// times in whole seconds.
/// Errors   kInvalidArgument (no audience, unsupported key); the signer's
Result<std::string> mint_svid(const SvidParams& params, std::string_view key_id,
                              const crypto::Signer& signer);
/// base64url of 16 bytes of a version 4 UUID.
std::string new_jti();
/// "ES256", "ES384", "ES512" or "RS256": what a key signs with.
std::string_view algorithm_for(crypto::KeyType type);

// A token's content. From validate_svid() it is proven, from parse_unverified() it is not.
struct Svid {
  SpiffeId spiffe_id;
  std::vector<std::string> audience;
  Time expires_at;
  std::optional<Time> issued_at;
  std::string key_id;       // "" when the header has none
  std::string algorithm;    // "ES256"
  std::string claims_json;  // all claims, as the token had them; `aud` made a list
};

/// Reads a token without checking signature or times: for a client that got it from its own
/// agent, and for caches. Errors   kInvalidArgument
Result<Svid> parse_unverified(std::string_view token);

/// The JWT authorities of the trust domains that count. Filled once, then read from any thread.
class KeyStore {
 public:
  /// Authorities of one trust domain; replaces what it had. An authority whose key cannot be read
  /// is an error (kInvalidArgument).
  Status add(const TrustDomain& trust_domain, const std::vector<x509::JwtAuthority>& authorities);
  Status add(const x509::Bundle& bundle) {
    return add(bundle.trust_domain, bundle.jwt_authorities);
  }
  bool has(std::string_view trust_domain) const;  // with at least one key
  /// nullptr when the domain or the key is not known.
  const crypto::PublicKey* find(std::string_view trust_domain, std::string_view key_id) const;

 private:
  std::map<std::string, std::map<std::string, crypto::PublicKey, std::less<>>, std::less<>> keys_;
};

/// Validates a token for one audience at `now`.
/// Errors   kInvalidArgument with the text that the Workload API answers
Result<Svid> validate_svid(std::string_view token, const KeyStore& keys, std::string_view audience,
                           Time now);

/// `claims_json` with nothing but sub, aud, exp and the names in `allowed`: what a workload sees
/// of a token from another trust domain.
std::string filter_claims(std::string_view claims_json, std::span<const std::string> allowed);

}  // namespace signet::jwt
