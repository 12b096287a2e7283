// Elliptic curve keys through libcrypto's low-level functions.
//
// Why deprecated functions: measured on OpenSSL 3.0, importing a P-256 point takes 2.7 us here
// and 25 us (EVP_PKEY_fromdata) to 163 us (d2i_PUBKEY) there; verifying 82 against 92, signing
// 26 against 31. Issuing an X509-SVID imports one key, verifies once and signs once, so the
// difference is most of its budget. All calls to them are in ec_low_level.cc.
#pragma once

#include <memory>

#include <openssl/ec.h>

#include "crypto/key.h"

namespace signet::crypto::ec {

struct FreeKey {
  void operator()(EC_KEY* key) const;
};
using KeyPtr = std::unique_ptr<EC_KEY, FreeKey>;

struct Curve {
  KeyType type;
  int bits;
  std::size_t field_size;  // bytes of a coordinate
  ByteView oid;            // contents in DER
  ByteView spki_prefix;    // all of a SubjectPublicKeyInfo before the point
  EC_GROUP* group;         // shared by all keys, never freed
};

/// `type` must be one of the EC types.
const Curve& curve(KeyType type);
const Curve* curve_by_oid(ByteView oid);

/// A key that can verify; null when `point` is not 04 || X || Y on the curve.
KeyPtr import_public(const Curve& curve, ByteView point);
/// A key that can sign, its public half computed; null when the scalar is not in [1, n-1].
KeyPtr import_private(const Curve& curve, ByteView scalar);
KeyPtr generate(const Curve& curve);

Bytes public_point(const Curve& curve, const EC_KEY* key);
/// The scalar, big-endian, as wide as the field.
SecretBytes private_scalar(const Curve& curve, const EC_KEY* key);

bool verify(EC_KEY* key, ByteView digest, ByteView signature);
Bytes sign(EC_KEY* key, ByteView digest);  // empty on failure

}  // namespace signet::crypto::ec
