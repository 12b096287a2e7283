#include "x509/csr.h"

#include "crypto/der_reader.h"
#include "extensions.h"
#include "name_check.h"
#include "oids.h"

namespace signet::x509 {

namespace {

namespace der = crypto::der;

Status malformed(const char* text) {
  return Status::invalid_argument(text).with("reason", "malformed");
}

// attributes [0] IMPLICIT SET OF Attribute; of them only extensionRequest matters.
bool read_attributes(der::Reader attributes, SubjectAltNames& sans) {
  bool seen_extensions = false;
  while (attributes.ok() && !attributes.at_end()) {
    der::Reader attribute = attributes.sequence();
    const ByteView oid = attribute.oid();
    der::Reader values = attribute.set();
    if (!attribute.at_end() || !values.ok()) return false;
    if (!crypto::equal(oid, oid::kExtensionRequest)) continue;
    if (seen_extensions) return false;  // RFC 2985 5.4.2: single-valued
    seen_extensions = true;
    der::Reader list = values.sequence();
    const bool good =
        values.at_end() && read_extensions(list, [&](ByteView id, bool critical, ByteView value) {
          if (!crypto::equal(id, oid::kSubjectAltName)) return true;
          sans.critical = critical;
          return read_subject_alt_names(value, sans);
        });
    if (!good) return false;
  }
  return attributes.ok();
}

}  // namespace

Result<Csr> Csr::parse(ByteView der) {
  if (der.size() > kMaxBytes) return malformed("CSR is larger than 64 KiB");
  der::Reader top(der);
  der::Reader request = top.sequence();
  const ByteView info_full = request.expect_full(der::kSequence);
  const ByteView algorithm_full = request.expect_full(der::kSequence);
  const ByteView signature = request.bit_string_octets();
  if (!top.at_end() || !request.at_end()) return malformed("CSR is not a PKCS#10 request");

  der::Reader outer(info_full);
  der::Reader info = outer.sequence();
  const auto version = info.small_integer();
  const ByteView subject = info.expect_full(der::kSequence);
  const ByteView spki = info.expect_full(der::kSequence);
  if (!info.ok() || version != 0) return malformed("CSR info is malformed");
  if (!is_name(subject)) return malformed("CSR subject is malformed");
  SubjectAltNames sans;
  // RFC 2986 asks for the attributes even when empty; Go and OpenSSL take a CSR without them.
  if (info.next_is(der::context_constructed(0)) &&
      !read_attributes(info.nested(der::context_constructed(0)), sans)) {
    return malformed("CSR attributes are malformed");
  }
  if (!info.at_end()) return malformed("CSR info has trailing data");
  SignatureAlgorithm algorithm;
  if (!read_signature_algorithm(algorithm_full, algorithm)) {
    return malformed("CSR signature algorithm is malformed");
  }
  SIGNET_TRY(crypto::PublicKey key, crypto::PublicKey::from_spki(spki));

  Csr csr(std::move(key));
  csr.der_ = crypto::to_bytes(der);
  const auto place = [&](ByteView part) {
    return Slice{static_cast<std::size_t>(part.data() - der.data()), part.size()};
  };
  csr.info_ = place(info_full);
  csr.subject_ = place(subject);
  csr.signature_ = place(signature);
  csr.algorithm_ = algorithm;
  csr.sans_ = std::move(sans);
  return csr;
}

Result<Csr> Csr::parse_and_verify(ByteView der) {
  SIGNET_TRY(Csr csr, parse(der));
  SIGNET_RETURN_IF_ERROR(csr.check_signature());
  return csr;
}

Status Csr::check_signature() const {
  Status status = x509::check_signature(public_key_, algorithm_, slice(info_), slice(signature_));
  return status.ok() ? status : std::move(status).with("reason", "signature");
}

}  // namespace signet::x509
