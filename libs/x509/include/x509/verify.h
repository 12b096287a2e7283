// Judging X509-SVIDs: the SPIFFE rules (X509-SVID 4, 5) and path validation (RFC 5280 6) against
// the authorities of the leaf's own trust domain.
#pragma once

#include <functional>

#include "x509/bundle.h"

namespace signet::x509 {

/// The authorities of one trust domain, ready for path building; immutable, cheap to copy.
class RootPool {
 public:
  RootPool() = default;
  explicit RootPool(const std::vector<Certificate>& roots);
  explicit RootPool(const Bundle& bundle);  // tainted authorities still verify, as in SPIRE
  bool empty() const { return !roots_ || roots_->empty(); }
  const std::vector<Certificate>& roots() const;

 private:
  std::shared_ptr<const std::vector<Certificate>> roots_;
};

struct VerifyOptions {
  Time now{};
};

/// The answer of a verification: who the peer is, and the path from leaf to root.
struct VerifiedSvid {
  SpiffeId spiffe_id;
  std::vector<Certificate> path;  // leaf first, root last
};

/// Finds the authorities of a trust domain; nullptr when it is not trusted.
using RootLookup = std::function<const RootPool*(std::string_view trust_domain)>;

/// Verifies a presented chain, leaf first, others in any order.
/// Errors   kInvalidArgument; field `reason`:
///          "chain" (empty, too long, too large), "leaf" (breaks a rule for SVID leaves),
///          "unknown_trust_domain", "unknown_authority" (no path to a root), "expired" (some
///          certificate of every path is outside its validity), "path" (a certificate of the
///          only paths found may not be there)
Result<VerifiedSvid> verify_svid(const std::vector<Certificate>& chain, const RootLookup& roots,
                                 const VerifyOptions& options);
Result<VerifiedSvid> verify_svid(const std::vector<Certificate>& chain, const TrustDomain& domain,
                                 const RootPool& roots, const VerifyOptions& options);

/// The rules for an SVID leaf alone: one URI SAN with a SPIFFE ID that has a path, no CA, key
/// usage present, critical, digitalSignature and neither keyCertSign nor cRLSign, both extended
/// usages or none. Answers its SPIFFE ID. Errors   kInvalidArgument, `reason` "leaf"
Result<SpiffeId> check_svid_leaf(const Certificate& leaf);

/// Path validation without the SPIFFE rules: `chain[0]` up to one of `roots`. The path found.
Result<std::vector<Certificate>> verify_path(const std::vector<Certificate>& chain,
                                             const RootPool& roots, const VerifyOptions& options);

/// True for a status of the functions above whose `reason` is "unknown_authority".
bool is_unknown_authority(const Status& status);

/// Reads a chain and the PKCS#8 key that goes with it, as the Workload API gives them: the key
/// must be the leaf's. Errors   kInvalidArgument
struct SvidWithKey {
  SpiffeId spiffe_id;
  std::vector<Certificate> chain;
  crypto::PrivateKey key;
};
Result<SvidWithKey> parse_svid(ByteView chain_der, ByteView pkcs8_der);

}  // namespace signet::x509
