// RSA keys through EVP: not on the hot path.
#pragma once

#include <memory>

#include <openssl/types.h>

#include "crypto/key.h"

namespace signet::crypto::rsa {

struct FreeKey {
  void operator()(EVP_PKEY* key) const;
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

KeyPtr import_public(ByteView modulus, ByteView exponent);
/// An RSAPrivateKey (RFC 8017 A.1.2), checked against its public half; null when it is not one.
KeyPtr import_private(ByteView rsa_private_key);
KeyPtr generate(int bits);

/// Big-endian modulus and exponent of a key.
std::pair<Bytes, Bytes> public_parts(const EVP_PKEY* key);
/// RSAPrivateKey, DER.
SecretBytes export_private(const EVP_PKEY* key);

bool verify(EVP_PKEY* key, Hash hash, ByteView digest, ByteView signature, RsaPadding padding);
Bytes sign(EVP_PKEY* key, Hash hash, ByteView digest, RsaPadding padding);  // empty on failure

}  // namespace signet::crypto::rsa
