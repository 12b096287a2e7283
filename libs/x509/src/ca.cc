#include "x509/ca.h"

#include <algorithm>

#include "crypto/der_writer.h"
#include "oids.h"
#include "x509/csr.h"

namespace signet::x509 {

namespace {

CertificateTemplate ca_template(const TrustDomain& trust_domain, ByteView spki) {
  CertificateTemplate ca;
  ca.serial = random_serial();
  ca.spki = crypto::to_bytes(spki);
  ca.key_usage = kKeyCertSign | kCrlSign;
  ca.basic_constraints = BasicConstraints{true, std::nullopt, true};
  ca.uris = {trust_domain.id_string()};
  return ca;
}

// RFC 5280 4.2.1.10: of the URIs below, the host must be the trust domain. Critical, so that who
// cannot check it does not believe the certificate.
Extension only_uris_of(const TrustDomain& trust_domain) {
  constexpr std::uint8_t kPermittedSubtrees = 0xa0;
  constexpr std::uint8_t kUri = 0x86;
  crypto::der::Writer out;
  out.sequence([&] {
    out.nested(kPermittedSubtrees,
               [&] { out.sequence([&] { out.text(kUri, trust_domain.name()); }); });
  });
  return {crypto::to_bytes(oid::kNameConstraints), true, std::move(out).take()};
}

Status refuse(const char* text) { return Status::invalid_argument(text); }

}  // namespace

Result<Certificate> self_sign_ca(const TrustDomain& trust_domain, const CaParams& params,
                                 const crypto::Signer& key) {
  CertificateTemplate ca = ca_template(trust_domain, key.spki());
  SIGNET_TRY(ca.subject_key_id, key_id_of_spki(key.spki()));
  Name subject = params.subject;
  if (subject.serial_number.empty()) subject.serial_number = serial_to_decimal(ca.serial);
  ca.subject = subject.encode();
  ca.issuer = ca.subject;
  ca.not_before = params.now - kNotBeforeBackdate;
  ca.not_after = params.now + params.ttl;
  ca.policies = params.policies;
  SIGNET_TRY(const Bytes der, sign_certificate(ca, key));
  return Certificate::parse(der);
}

Result<Certificate> sign_downstream_ca(const TrustDomain& trust_domain,
                                       const DownstreamCaParams& params, ByteView spki,
                                       const Certificate& signer, const crypto::Signer& key) {
  if (!crypto::equal(signer.spki(), key.spki()))
    return refuse("signer's certificate has another key");
  if (signer.not_after() <= params.now) {
    return Status::failed_precondition("X.509 authority has expired");
  }
  CertificateTemplate ca = ca_template(trust_domain, spki);
  SIGNET_TRY(ca.subject_key_id, key_id_of_spki(spki));
  SIGNET_TRY(Name subject, Name::parse(signer.subject_raw()));
  subject.organizational_unit = {"DOWNSTREAM-" + std::to_string(params.signer_chain_length)};
  if (subject.serial_number.empty()) subject.serial_number = serial_to_decimal(ca.serial);
  ca.subject = subject.encode();
  ca.issuer = crypto::to_bytes(signer.subject_raw());
  ca.authority_key_id = crypto::to_bytes(signer.subject_key_id());
  ca.basic_constraints->path_length = params.max_path;
  if (params.name_constraints) ca.extra.push_back(only_uris_of(trust_domain));
  ca.not_before = params.now - kNotBeforeBackdate;
  ca.not_after = std::min(params.now + params.ttl, signer.not_after());
  SIGNET_TRY(const Bytes der, sign_certificate(ca, key));
  return Certificate::parse(der);
}

Result<Bytes> create_ca_csr(const TrustDomain& trust_domain, const Name& subject,
                            const crypto::Signer& key) {
  return create_csr({.subject = subject, .uris = {trust_domain.id_string()}, .dns_names = {}}, key);
}

Status check_ca(const Certificate& ca, const TrustDomain& trust_domain, ByteView signer_spki,
                Time now) {
  constexpr std::uint16_t kAllowed = kKeyCertSign | kCrlSign | kDigitalSignature;
  if (!ca.is_ca()) return refuse("CA certificate does not have cA set");
  if (!ca.key_usage() || (*ca.key_usage() & kKeyCertSign) == 0) {
    return refuse("CA certificate lacks key usage keyCertSign");
  }
  if ((*ca.key_usage() & ~kAllowed) != 0) {
    return refuse("CA certificate has a key usage beyond keyCertSign, cRLSign, digitalSignature");
  }
  if (ca.uris().size() > 1 || (ca.uris().size() == 1 && ca.uris()[0] != trust_domain.id_string())) {
    return refuse("CA certificate has a URI SAN that is not the trust domain's ID");
  }
  if (now < ca.not_before()) return refuse("CA certificate is not valid yet");
  if (now > ca.not_after()) return refuse("CA certificate has expired");
  if (!crypto::equal(ca.spki(), signer_spki)) return refuse("CA certificate has another key");
  return {};
}

}  // namespace signet::x509
