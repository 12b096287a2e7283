// SvidIssuer: issues X509-SVIDs under one authority, with everything that does not change
// encoded once. Beyond the signature an SVID costs a few microseconds.
//
//   SvidIssuer issuer = SvidIssuer::make(ca_certificate, signer).value();
//   auto svid = issuer.issue({.spiffe_id = id.to_string(), .spki = csr.public_key().spki(), ...});
//
// Immutable; safe from several threads as far as the signer is.
#pragma once

#include <memory>

#include "x509/ca.h"

namespace signet::x509 {

struct SvidParams {
  std::string_view spiffe_id = {};  // valid by type elsewhere; written as the URI SAN
  ByteView spki = {};               // subject's key, DER, already judged (crypto/key.h)
  Time now{};
  std::chrono::seconds ttl{3600};
  std::span<const std::string> dns_names = {};  // the first one becomes CN
  const Name* subject = nullptr;                // nullptr: C=US, O=SPIRE
};

struct IssuedSvid {
  Bytes der;  // the leaf certificate
  Time not_before;
  Time not_after;                         // capped to the authority's
  std::array<std::uint8_t, 16> serial{};  // big-endian
  std::string serial_decimal() const { return serial_to_decimal(serial); }
};

class SvidIssuer {
 public:
  /// `ca` must be able to sign (RFC 5280: CA, keyCertSign) and hold the signer's key.
  static Result<SvidIssuer> make(Certificate ca, std::shared_ptr<const crypto::Signer> signer);

  /// Workload, agent and server SVIDs alike: digitalSignature, keyEncipherment, keyAgreement;
  /// serverAuth, clientAuth; CA:FALSE; SKI; AKI; notBefore = now - 10 s.
  /// Errors   kFailedPrecondition when the authority has expired; the signer's
  Result<IssuedSvid> issue(const SvidParams& params) const;

  /// The two halves of issue(), for a caller that signs elsewhere or in batches.
  struct Prepared {
    Bytes tbs;
    IssuedSvid svid;  // without der
  };
  Result<Prepared> prepare(const SvidParams& params) const;
  crypto::Hash hash() const { return hash_; }
  Bytes assemble(ByteView tbs, ByteView signature) const;

  const Certificate& ca() const { return ca_; }
  const crypto::Signer& signer() const { return *signer_; }

 private:
  SvidIssuer(Certificate ca, std::shared_ptr<const crypto::Signer> signer);
  Certificate ca_;
  std::shared_ptr<const crypto::Signer> signer_;
  crypto::KeyType key_type_;
  crypto::Hash hash_;
  Bytes default_subject_;   // C=US, O=SPIRE
  Bytes usages_;            // keyUsage, extKeyUsage, basicConstraints
  Bytes algorithm_;         // AlgorithmIdentifier
  Bytes authority_key_id_;  // the AKI extension
};

}  // namespace signet::x509
