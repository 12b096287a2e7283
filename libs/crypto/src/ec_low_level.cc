#include "ec_low_level.h"

#include <cstdlib>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

// See ec_low_level.h for why these functions are used although OpenSSL 3 deprecates them.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace signet::crypto::ec {

namespace {

constexpr std::uint8_t kOidP256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::uint8_t kOidP384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::uint8_t kOidP521[] = {0x2b, 0x81, 0x04, 0x00, 0x23};
// SEQUENCE { SEQUENCE { id-ecPublicKey, curve }, BIT STRING (0 unused bits) ...
constexpr std::uint8_t kSpkiP256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
constexpr std::uint8_t kSpkiP384[] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                      0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00};
constexpr std::uint8_t kSpkiP521[] = {0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                                      0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00};

struct ClearBn {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
};
struct FreePoint {
  void operator()(EC_POINT* point) const { EC_POINT_free(point); }
};

const Curve* curves() {
  static const Curve kCurves[] = {
      {KeyType::kEcP256, 256, 32, kOidP256, kSpkiP256,
       EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)},
      {KeyType::kEcP384, 384, 48, kOidP384, kSpkiP384, EC_GROUP_new_by_curve_name(NID_secp384r1)},
      {KeyType::kEcP521, 521, 66, kOidP521, kSpkiP521, EC_GROUP_new_by_curve_name(NID_secp521r1)},
  };
  return kCurves;
}

KeyPtr empty_key(const Curve& curve) {
  KeyPtr key(EC_KEY_new());
  if (!key || EC_KEY_set_group(key.get(), curve.group) != 1) return nullptr;
  return key;
}

}  // namespace

void FreeKey::operator()(EC_KEY* key) const { EC_KEY_free(key); }

const Curve& curve(KeyType type) { return curves()[static_cast<int>(type)]; }

const Curve* curve_by_oid(ByteView oid) {
  for (int i = 0; i < 3; ++i) {
    if (equal(curves()[i].oid, oid)) return &curves()[i];
  }
  return nullptr;
}

KeyPtr import_public(const Curve& curve, ByteView point) {
  // The curves have cofactor 1, so being on the curve, which oct2key checks, is being in the group.
  if (point.size() != 1 + 2 * curve.field_size || point[0] != 0x04) return nullptr;
  KeyPtr key = empty_key(curve);
  if (!key || EC_KEY_oct2key(key.get(), point.data(), point.size(), nullptr) != 1) return nullptr;
  return key;
}

KeyPtr import_private(const Curve& curve, ByteView scalar) {
  if (scalar.empty() || scalar.size() > curve.field_size) return nullptr;
  const std::unique_ptr<BIGNUM, ClearBn> number(BN_secure_new());
  if (!number ||
      BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), number.get()) == nullptr) {
    return nullptr;
  }
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  if (BN_is_zero(number.get()) || BN_cmp(number.get(), EC_GROUP_get0_order(curve.group)) >= 0) {
    return nullptr;
  }
  KeyPtr key = empty_key(curve);
  const std::unique_ptr<EC_POINT, FreePoint> point(EC_POINT_new(curve.group));
  if (!key || !point ||
      EC_POINT_mul(curve.group, point.get(), number.get(), nullptr, nullptr, nullptr) != 1 ||
      EC_KEY_set_private_key(key.get(), number.get()) != 1 ||
      EC_KEY_set_public_key(key.get(), point.get()) != 1) {
    return nullptr;
  }
  return key;
}

KeyPtr generate(const Curve& curve) {
  KeyPtr key = empty_key(curve);
  if (!key || EC_KEY_generate_key(key.get()) != 1) return nullptr;
  return key;
}

Bytes public_point(const Curve& curve, const EC_KEY* key) {
  Bytes point(1 + 2 * curve.field_size);
  const std::size_t size =
      EC_POINT_point2oct(curve.group, EC_KEY_get0_public_key(key), POINT_CONVERSION_UNCOMPRESSED,
                         point.data(), point.size(), nullptr);
  if (size != point.size()) std::abort();  // only memory exhaustion gets here
  return point;
}

SecretBytes private_scalar(const Curve& curve, const EC_KEY* key) {
  SecretBytes scalar(curve.field_size);
  if (BN_bn2binpad(EC_KEY_get0_private_key(key), scalar.data(), static_cast<int>(scalar.size())) <
      0) {
    std::abort();
  }
  return scalar;
}

bool verify(EC_KEY* key, ByteView digest, ByteView signature) {
  // ECDSA_verify also refuses signatures that are not DER by encoding them again.
  return ECDSA_verify(0, digest.data(), static_cast<int>(digest.size()), signature.data(),
                      static_cast<int>(signature.size()), key) == 1;
}

Bytes sign(EC_KEY* key, ByteView digest) {
  Bytes signature(static_cast<std::size_t>(ECDSA_size(key)));
  unsigned size = 0;
  if (ECDSA_sign(0, digest.data(), static_cast<int>(digest.size()), signature.data(), &size, key) !=
      1) {
    return {};
  }
  signature.resize(size);
  return signature;
}

}  // namespace signet::crypto::ec
