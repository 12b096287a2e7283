#include "x509/certificate_builder.h"

#include <algorithm>

#include "crypto/der_writer.h"
#include "crypto/random.h"
#include "extension_writer.h"

namespace signet::x509 {

namespace {

namespace der = crypto::der;

void put_extensions(der::Writer& out, const CertificateTemplate& c) {
  if (c.key_usage != 0) put_key_usage(out, c.key_usage);
  if (c.server_auth || c.client_auth) put_ext_key_usage(out, c.server_auth, c.client_auth);
  if (c.basic_constraints) put_basic_constraints(out, *c.basic_constraints);
  if (!c.subject_key_id.empty()) put_subject_key_id(out, c.subject_key_id);
  if (!c.authority_key_id.empty()) put_authority_key_id(out, c.authority_key_id);
  if (!c.dns_names.empty() || !c.uris.empty()) {
    const std::vector<std::string_view> uris(c.uris.begin(), c.uris.end());
    const bool empty_subject = c.subject.size() <= 2;  // RFC 5280 4.2.1.6
    put_subject_alt_name(out, c.dns_names, uris, empty_subject);
  }
  if (!c.policies.empty()) put_policies(out, c.policies);
  for (const Extension& e : c.extra) put_extension(out, e.oid, e.critical, e.value);
}

}  // namespace

Bytes build_tbs(const CertificateTemplate& c, crypto::KeyType signer_type) {
  der::Writer out(1024);
  out.sequence([&] {
    out.nested(der::context_constructed(0), [&] { out.small_integer(2); });  // v3
    out.unsigned_integer(c.serial);
    put_signature_algorithm(out, signer_type);
    out.raw(c.issuer);
    out.sequence([&] {
      out.time(c.not_before);
      out.time(c.not_after);
    });
    out.raw(c.subject);
    out.raw(c.spki);
    der::Writer extensions;
    put_extensions(extensions, c);
    if (extensions.size() != 0) {
      out.nested(der::context_constructed(3),
                 [&] { out.sequence([&] { out.raw(extensions.bytes()); }); });
    }
  });
  return std::move(out).take();
}

Bytes assemble_certificate(ByteView tbs, crypto::KeyType signer_type, ByteView signature) {
  der::Writer out(tbs.size() + signature.size() + 32);
  out.sequence([&] {
    out.raw(tbs);
    put_signature_algorithm(out, signer_type);
    out.bit_string(signature);
  });
  return std::move(out).take();
}

Result<Bytes> sign_certificate(const CertificateTemplate& certificate,
                               const crypto::Signer& signer) {
  const crypto::KeyType type = signer.key_type();
  const Bytes tbs = build_tbs(certificate, type);
  const crypto::Hash hash = crypto::default_hash(type);
  SIGNET_TRY(const Bytes signature,
             signer.sign(hash, crypto::digest(hash, tbs), crypto::RsaPadding::kPkcs1));
  return assemble_certificate(tbs, type, signature);
}

Bytes random_serial() {
  Bytes serial;
  do {
    serial = crypto::random_bytes(16);
  } while (std::all_of(serial.begin(), serial.end(), [](std::uint8_t b) { return b == 0; }));
  return serial;
}

std::string serial_to_decimal(ByteView magnitude) {
  // Long division by 10^9, most significant digit groups last.
  Bytes number = crypto::to_bytes(magnitude);
  std::string digits;
  std::size_t first = 0;
  while (first < number.size()) {
    std::uint64_t remainder = 0;
    for (std::size_t i = first; i < number.size(); ++i) {
      const std::uint64_t value = remainder << 8 | number[i];
      number[i] = static_cast<std::uint8_t>(value / 1000000000);
      remainder = value % 1000000000;
    }
    while (first < number.size() && number[first] == 0) ++first;
    for (int i = 0; i < 9; ++i) {
      digits.push_back(static_cast<char>('0' + remainder % 10));
      remainder /= 10;
    }
  }
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  if (digits.empty()) return "0";
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace signet::x509
