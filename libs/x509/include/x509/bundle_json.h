// The SPIFFE bundle document (SPIFFE Trust Domain and Bundle 4) and the JWK Set of the Workload
// API. Everything read is bounded: size, depth, number of keys; duplicate member names are
// refused.
#pragma once

#include "x509/bundle.h"

namespace signet::x509 {

inline constexpr std::size_t kMaxBundleJsonBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxBundleKeys = 10000;

struct BundleJsonOptions {
  bool sequence_and_hint = true;  // "spiffe_sequence", "spiffe_refresh_hint", each unless 0
  bool x509 = true;
  bool jwt = true;
  bool wit = true;
};

/// The document as SPIRE prints it: four spaces, members in its order. Errors   kInternal when an
/// authority's key is not one that a JWK can hold
Result<std::string> write_bundle_json(const Bundle& bundle, const BundleJsonOptions& options = {});
/// One public key as a JWK (RFC 7517), with `alg` and without a key ID; on one line.
Result<std::string> write_jwk(const crypto::PublicKey& key, std::string_view algorithm);
/// The JWK Set of FetchJWTBundles: `keys` with kid and key, no `use`; sorted by key ID.
Result<std::string> write_jwks(const std::vector<JwtAuthority>& authorities);
/// The key set of an OIDC discovery document: `use: "sig"` and `alg` beside.
Result<std::string> write_oidc_jwks(const std::vector<JwtAuthority>& authorities, bool set_use,
                                    bool set_alg = true);

enum class BundleReading {
  kStrict,    // as SPIRE reads: a key with no or an unknown `use` fails the document
  kTolerant,  // as the standard says: such a key is skipped
};
/// Errors   kInvalidArgument, naming the key by its index
Result<Bundle> read_bundle_json(const TrustDomain& trust_domain, std::string_view json,
                                BundleReading reading);
/// A JWK Set as the Workload API sends it: every key with a kid is a JWT authority.
Result<std::vector<JwtAuthority>> read_jwks(std::string_view json);

/// A SPIFFE bundle map: {"trust_domains": {"name": bundle, ...}}; refresh hints are dropped.
Result<std::vector<Bundle>> read_bundle_map(std::string_view json);

}  // namespace signet::x509
