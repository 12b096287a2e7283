#include "sign_ca.h"

#include <algorithm>

#include "x509/ca.h"
#include "x509/csr.h"

namespace signet::disk_upstream {

Result<x509::Certificate> sign_ca(const TrustDomain& trust_domain, const x509::Certificate& ca,
                                  const crypto::PrivateKey& key, crypto::ByteView csr,
                                  std::chrono::seconds ttl, x509::Time now) {
  auto request = x509::Csr::parse_and_verify(csr);
  if (!request) return request.status().prefixed("unable to parse CSR");
  if (request->uris().size() != 1 || request->uris().front() != trust_domain.id_string()) {
    return Status::invalid_argument("CSR's only URI SAN must be \"" + trust_domain.id_string() +
                                    "\"");
  }
  if (now >= ca.not_after()) {
    return Status::failed_precondition("the upstream CA certificate has expired");
  }
  // Before it is added to the clock: a caller's number must not overflow it.
  ttl = std::clamp(ttl.count() > 0 ? ttl : kDefaultTtl, std::chrono::seconds(1),
                   std::chrono::duration_cast<std::chrono::seconds>(ca.not_after() - now));
  x509::CertificateTemplate out;
  out.serial = x509::random_serial();
  out.issuer = crypto::to_bytes(ca.subject_raw());
  out.subject = crypto::to_bytes(request->subject_raw());
  out.not_before = now - x509::kNotBeforeBackdate;
  out.not_after = now + ttl;
  out.spki = request->public_key().spki();
  out.key_usage = x509::kKeyCertSign | x509::kCrlSign;
  out.basic_constraints = x509::BasicConstraints{true, std::nullopt, true};
  SIGNET_TRY(out.subject_key_id, x509::key_id_of_spki(out.spki));
  out.authority_key_id = crypto::to_bytes(ca.subject_key_id());
  out.uris = {trust_domain.id_string()};
  SIGNET_TRY(const auto der, x509::sign_certificate(out, crypto::PrivateKeySigner(key)));
  return x509::Certificate::parse(der);
}

}  // namespace signet::disk_upstream
