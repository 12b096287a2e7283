// Writers of AlgorithmIdentifiers and extensions, in the bytes that Go's crypto/x509 produces.
#pragma once

#include <span>

#include "crypto/der_writer.h"
#include "crypto/key.h"
#include "x509/certificate.h"

namespace signet::x509 {

/// The signature algorithm of a key with its default hash; RSA is PKCS#1 v1.5.
void put_signature_algorithm(crypto::der::Writer& out, crypto::KeyType type);

void put_extension(crypto::der::Writer& out, ByteView oid, bool critical, ByteView value);
void put_key_usage(crypto::der::Writer& out, std::uint16_t bits);
void put_ext_key_usage(crypto::der::Writer& out, bool server_auth, bool client_auth);
void put_basic_constraints(crypto::der::Writer& out, const BasicConstraints& constraints);
void put_subject_key_id(crypto::der::Writer& out, ByteView id);
void put_authority_key_id(crypto::der::Writer& out, ByteView id);
/// DNS names, then URIs.
void put_subject_alt_name(crypto::der::Writer& out, std::span<const std::string> dns_names,
                          std::span<const std::string_view> uris, bool critical);
void put_policies(crypto::der::Writer& out, const std::vector<Bytes>& policies);

}  // namespace signet::x509
