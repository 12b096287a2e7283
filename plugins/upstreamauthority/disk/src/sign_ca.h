// The certificate of a server's CA below ours.
#pragma once

#include <chrono>

#include "signet/spiffe_id.h"

#include "crypto/key.h"
#include "x509/certificate.h"

namespace signet::disk_upstream {

/// A day, when the server does not say.
inline constexpr std::chrono::seconds kDefaultTtl{86400};

/// Signs `csr` (DER), whose only URI SAN must be the trust domain's ID. Subject and key are the
/// request's; notBefore = now - 10 s, notAfter = now + ttl or the signer's, whichever is earlier;
/// keyCertSign, cRLSign; no path length, so that there may be servers below.
/// Errors   kInvalidArgument: the CSR. kFailedPrecondition: the signer has expired
Result<x509::Certificate> sign_ca(const TrustDomain& trust_domain, const x509::Certificate& ca,
                                  const crypto::PrivateKey& key, crypto::ByteView csr,
                                  std::chrono::seconds ttl, x509::Time now);

}  // namespace signet::disk_upstream
