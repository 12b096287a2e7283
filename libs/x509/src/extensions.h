// Readers of the parts that certificates and CSRs share: signature algorithms and extensions.
#pragma once

#include "crypto/der_reader.h"
#include "x509/certificate.h"

namespace signet::x509 {

/// Reads the AlgorithmIdentifier of a signature from its full DER. An algorithm that is not
/// known reads as supported = false. False when the bytes are not an AlgorithmIdentifier.
bool read_signature_algorithm(ByteView der, SignatureAlgorithm& out);

/// Reads the GeneralNames of a subjectAltName extension. False when malformed.
bool read_subject_alt_names(ByteView value, SubjectAltNames& out);

/// Calls visit(oid, critical, value) for each extension of the SEQUENCE whose contents `list`
/// walks; visit answers false to stop. False when malformed, stopped, or an OID comes twice.
template <typename Visit>
bool read_extensions(crypto::der::Reader list, Visit visit) {
  std::vector<ByteView> seen;
  while (list.ok() && !list.at_end()) {
    crypto::der::Reader extension = list.sequence();
    const ByteView oid = extension.oid();
    // DER would leave a FALSE out, but certificates that spell it are too common to refuse.
    const bool critical = extension.next_is(crypto::der::kBoolean) ? extension.boolean() : false;
    const ByteView value = extension.octet_string();
    if (!extension.at_end()) return false;
    for (ByteView other : seen) {
      if (crypto::equal(other, oid)) return false;  // RFC 5280 4.2
    }
    seen.push_back(oid);
    if (!visit(oid, critical, value)) return false;
  }
  return list.ok();
}

/// Checks `signature` over `message` with the algorithm, bound to the key's type.
Status check_signature(const crypto::PublicKey& key, const SignatureAlgorithm& algorithm,
                       ByteView message, ByteView signature);

}  // namespace signet::x509
