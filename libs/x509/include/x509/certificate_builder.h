// Writing certificates: CertificateTemplate -> TBS bytes -> signature -> DER.
//
// Field order, criticality and string types are those of Go's crypto/x509, so that what Signet
// issues and what SPIRE issues differ in keys, serials and times only.
#pragma once

#include "crypto/signer.h"
#include "x509/certificate.h"

namespace signet::x509 {

struct Extension {
  Bytes oid;  // contents in DER
  bool critical = false;
  Bytes value;
};

struct CertificateTemplate {
  Bytes serial;   // big-endian, 1 to 20 bytes
  Bytes issuer;   // DER Name
  Bytes subject;  // DER Name
  Time not_before;
  Time not_after;
  Bytes spki;                   // DER
  std::uint16_t key_usage = 0;  // bits of KeyUsage; 0 leaves the extension out; always critical
  bool server_auth = false;
  bool client_auth = false;
  std::optional<BasicConstraints> basic_constraints;  // always critical
  Bytes subject_key_id;                               // empty leaves the extension out
  Bytes authority_key_id;                             // same
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;  // after the DNS names; SAN critical when the subject is empty
  std::vector<Bytes> policies;    // OIDs, contents in DER
  std::vector<Extension> extra;
};

/// The TBSCertificate for a signature by a key of type `signer_type` with its default hash.
Bytes build_tbs(const CertificateTemplate& certificate, crypto::KeyType signer_type);
/// Puts TBS, algorithm and signature together.
Bytes assemble_certificate(ByteView tbs, crypto::KeyType signer_type, ByteView signature);
/// Both, with the signature by `signer` between.
Result<Bytes> sign_certificate(const CertificateTemplate& certificate,
                               const crypto::Signer& signer);
/// A random serial in [1, 2^128-1], 16 bytes big-endian.
Bytes random_serial();
/// "2417..." for a big-endian magnitude.
std::string serial_to_decimal(ByteView magnitude);

}  // namespace signet::x509
