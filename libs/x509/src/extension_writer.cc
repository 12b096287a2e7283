#include "extension_writer.h"

#include "oids.h"

namespace signet::x509 {

namespace {

namespace der = crypto::der;
using der::Writer;

// SEQUENCE { oid, critical?, OCTET STRING { what body writes } }
template <typename Body>
void put(Writer& out, ByteView oid, bool critical, Body body) {
  out.sequence([&] {
    out.oid(oid);
    if (critical) out.boolean(true);
    out.nested(der::kOctetString, body);
  });
}

}  // namespace

void put_signature_algorithm(Writer& out, crypto::KeyType type) {
  const ByteView oid = crypto::is_rsa(type)               ? ByteView(oid::kRsaSha256)
                       : type == crypto::KeyType::kEcP384 ? ByteView(oid::kEcdsaSha384)
                       : type == crypto::KeyType::kEcP521 ? ByteView(oid::kEcdsaSha512)
                                                          : ByteView(oid::kEcdsaSha256);
  out.sequence([&] {
    out.oid(oid);
    if (crypto::is_rsa(type)) out.null();
  });
}

void put_extension(Writer& out, ByteView oid, bool critical, ByteView value) {
  put(out, oid, critical, [&] { out.raw(value); });
}

void put_key_usage(Writer& out, std::uint16_t bits) {
  put(out, oid::kKeyUsage, true, [&] { out.named_bits(bits); });
}

void put_ext_key_usage(Writer& out, bool server_auth, bool client_auth) {
  put(out, oid::kExtKeyUsage, false, [&] {
    out.sequence([&] {
      if (server_auth) out.oid(oid::kServerAuth);
      if (client_auth) out.oid(oid::kClientAuth);
    });
  });
}

void put_basic_constraints(Writer& out, const BasicConstraints& constraints) {
  put(out, oid::kBasicConstraints, true, [&] {
    out.sequence([&] {
      if (constraints.is_ca) out.boolean(true);
      if (constraints.path_length) out.small_integer(*constraints.path_length);
    });
  });
}

void put_subject_key_id(Writer& out, ByteView id) {
  put(out, oid::kSubjectKeyId, false, [&] { out.octet_string(id); });
}

void put_authority_key_id(Writer& out, ByteView id) {
  put(out, oid::kAuthorityKeyId, false,
      [&] { out.sequence([&] { out.element(der::context(0), id); }); });
}

void put_subject_alt_name(Writer& out, std::span<const std::string> dns_names,
                          std::span<const std::string_view> uris, bool critical) {
  put(out, oid::kSubjectAltName, critical, [&] {
    out.sequence([&] {
      for (const std::string& name : dns_names) out.text(der::context(2), name);
      for (std::string_view uri : uris) out.text(der::context(6), uri);
    });
  });
}

void put_policies(Writer& out, const std::vector<Bytes>& policies) {
  put(out, oid::kCertificatePolicies, false, [&] {
    out.sequence([&] {
      for (const Bytes& policy : policies) out.sequence([&] { out.oid(policy); });
    });
  });
}

}  // namespace signet::x509
