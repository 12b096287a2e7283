// Certificates of authorities: the self-signed one of a trust domain, a request for an upstream
// authority, and a downstream authority's.
// Source: facts on SPIRE's credential templates (docs/compatibility), RFC 5280 4.2.1.
#pragma once

#include "x509/certificate_builder.h"

namespace signet::x509 {

inline constexpr std::chrono::seconds kNotBeforeBackdate{10};

struct CaParams {
  Name subject = Name::spiffe();  // a serialNumber RDN with the decimal serial is added when
                                  // the name has none
  Time now{};
  std::chrono::seconds ttl{86400};
  std::vector<Bytes> policies = {};  // OIDs, contents in DER
};

/// notBefore = now - 10 s, notAfter = now + ttl, URI SAN = the trust domain's ID, CA:TRUE,
/// keyCertSign and cRLSign, SKI, no AKI.
Result<Certificate> self_sign_ca(const TrustDomain& trust_domain, const CaParams& params,
                                 const crypto::Signer& key);

struct DownstreamCaParams {
  Time now{};
  std::chrono::seconds ttl{86400};        // notAfter is capped to the signer's
  std::size_t signer_chain_length = 1;    // OU = "DOWNSTREAM-<this>"
  std::optional<unsigned> max_path = {};  // CA certificates that may follow below; none: any number
  bool name_constraints = false;          // only URIs of the trust domain below it
};
/// A CA certificate for `spki`, signed by `key`, which must be the key of `signer`.
Result<Certificate> sign_downstream_ca(const TrustDomain& trust_domain,
                                       const DownstreamCaParams& params, ByteView spki,
                                       const Certificate& signer, const crypto::Signer& key);

/// The CSR that asks an upstream authority for this domain's CA certificate.
Result<Bytes> create_ca_csr(const TrustDomain& trust_domain, const Name& subject,
                            const crypto::Signer& key);

/// What a CA certificate must be before it is used to sign: CA, keyCertSign, no usage beyond
/// keyCertSign, cRLSign and digitalSignature, URI SAN absent or exactly the trust domain's ID,
/// valid at `now`, its key the signer's. Errors   kInvalidArgument
Status check_ca(const Certificate& ca, const TrustDomain& trust_domain, ByteView signer_spki,
                Time now);

}  // namespace signet::x509
