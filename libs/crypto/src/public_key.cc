#include <openssl/err.h>

#include "crypto/der_writer.h"
#include "key_state.h"

namespace signet::crypto {

namespace {

constexpr std::uint8_t kOidRsaEncryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
constexpr std::uint8_t kOidEcPublicKey[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
constexpr int kMaxRsaBits = 8192;  // a larger modulus only makes verifying slow

Status refuse(const char* reason, const char* text) {
  return Status::invalid_argument(text).with("reason", reason);
}

int bit_length(ByteView number) {
  if (number.empty()) return 0;
  int bits = static_cast<int>(number.size() - 1) * 8;
  for (unsigned first = number[0]; first != 0; first >>= 1) ++bits;
  return bits;
}

Result<PublicKey> make_ec(const ec::Curve& curve, Bytes spki) {
  auto state = std::make_shared<PublicKey::State>();
  state->type = curve.type;
  state->bits = curve.bits;
  state->spki = std::move(spki);
  state->key_bits = ByteView(state->spki).subspan(curve.spki_prefix.size());
  state->ec = ec::import_public(curve, state->key_bits);
  if (!state->ec) {
    ERR_clear_error();
    return refuse("malformed", "public key is not a point on its curve");
  }
  return PublicKey(std::move(state));
}

Result<PublicKey> read_rsa(ByteView der, ByteView key_bits) {
  auto state = std::make_shared<PublicKey::State>();
  state->spki = to_bytes(der);
  state->key_bits = ByteView(state->spki).subspan(key_bits.data() - der.data());
  der::Reader top(state->key_bits);
  der::Reader numbers = top.sequence();
  state->modulus = numbers.unsigned_integer();
  state->exponent = numbers.unsigned_integer();
  if (!top.at_end() || !numbers.at_end()) return refuse("malformed", "RSA key is malformed");
  // Library limits: at least 2048 bits, an odd exponent of at least 3; and an exponent that fits
  // 64 bits, since a longer one only serves to make verifying slow.
  state->bits = bit_length(state->modulus);
  if (state->bits < 2048) return refuse("weak", "RSA key is shorter than 2048 bits");
  if (state->bits > kMaxRsaBits) return refuse("unsupported", "RSA key is longer than 8192 bits");
  const ByteView e = state->exponent;
  if (e.size() > 8 || (e.back() & 1) == 0 || (e.size() == 1 && e[0] < 3)) {
    return refuse("weak", "RSA public exponent is not an odd number from 3 to 2^64");
  }
  if ((state->modulus.back() & 1) == 0) return refuse("weak", "RSA modulus is even");
  state->type = state->bits == 2048   ? KeyType::kRsa2048
                : state->bits == 4096 ? KeyType::kRsa4096
                                      : KeyType::kRsaOther;
  state->rsa = rsa::import_public(state->modulus, state->exponent);
  if (!state->rsa) {
    ERR_clear_error();
    return refuse("malformed", "RSA key is malformed");
  }
  return PublicKey(std::move(state));
}

}  // namespace

std::string_view key_type_name(KeyType type) {
  constexpr std::string_view kNames[] = {"ec-p256",  "ec-p384",  "ec-p521",
                                         "rsa-2048", "rsa-4096", "rsa"};
  return kNames[static_cast<int>(type)];
}

std::optional<KeyType> key_type_from_name(std::string_view name) {
  for (KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048, KeyType::kRsa4096}) {
    if (name == key_type_name(type)) return type;
  }
  return std::nullopt;
}

Result<PublicKey> PublicKey::from_spki(ByteView der) {
  // The usual case is settled by comparing the fixed bytes before the point.
  for (KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kEcP521}) {
    const ec::Curve& curve = ec::curve(type);
    const std::size_t prefix = curve.spki_prefix.size();
    if (der.size() == prefix + 1 + 2 * curve.field_size &&
        equal(der.first(prefix), curve.spki_prefix)) {
      return make_ec(curve, to_bytes(der));
    }
  }
  der::Reader top(der);
  der::Reader info = top.sequence();
  der::Reader algorithm = info.sequence();
  const ByteView oid = algorithm.oid();
  const ByteView key_bits = info.bit_string_octets();
  if (!top.at_end() || !info.at_end() || !algorithm.ok()) {
    return refuse("malformed", "public key is malformed");
  }
  if (equal(oid, kOidRsaEncryption)) {
    const ByteView parameters = algorithm.expect(der::kNull);
    if (!algorithm.at_end() || !parameters.empty()) {
      return refuse("malformed", "RSA key parameters are not NULL");
    }
    return read_rsa(der, key_bits);
  }
  if (equal(oid, kOidEcPublicKey) && algorithm.oid().empty()) {
    return refuse("malformed", "elliptic curve key does not name its curve");
  }
  while (algorithm.ok() && !algorithm.at_end()) algorithm.any();
  if (!algorithm.ok()) return refuse("malformed", "public key is malformed");
  if (equal(oid, kOidEcPublicKey)) {
    return refuse("unsupported",
                  "elliptic curve key is not an uncompressed point on P-256, P-384 or P-521");
  }
  return refuse("unsupported", "public key algorithm is not supported");
}

Result<PublicKey> PublicKey::from_ec_point(KeyType type, ByteView point) {
  if (!is_ec(type)) return refuse("unsupported", "key type is not an elliptic curve");
  const ec::Curve& curve = ec::curve(type);
  if (point.size() != 1 + 2 * curve.field_size) {
    return refuse("malformed", "public key has the wrong length for its curve");
  }
  Bytes spki = to_bytes(curve.spki_prefix);
  spki.insert(spki.end(), point.begin(), point.end());
  return make_ec(curve, std::move(spki));
}

Result<PublicKey> PublicKey::from_rsa(ByteView modulus, ByteView exponent) {
  der::Writer key;
  key.sequence([&] {
    key.unsigned_integer(modulus);
    key.unsigned_integer(exponent);
  });
  der::Writer spki;
  spki.sequence([&] {
    spki.sequence([&] {
      spki.oid(kOidRsaEncryption);
      spki.null();
    });
    spki.bit_string(key.bytes());
  });
  return from_spki(spki.bytes());
}

KeyType PublicKey::type() const { return state_->type; }
int PublicKey::bits() const { return state_->bits; }
const Bytes& PublicKey::spki() const { return state_->spki; }
ByteView PublicKey::key_bits() const { return state_->key_bits; }
ByteView PublicKey::rsa_modulus() const { return state_->modulus; }
ByteView PublicKey::rsa_exponent() const { return state_->exponent; }

Status PublicKey::verify(Hash hash, ByteView digest, ByteView signature, RsaPadding padding) const {
  constexpr std::size_t kMaxSignature = kMaxRsaBits / 8;
  const bool shape = hash != Hash::kSha1 && digest.size() == digest_size(hash) &&
                     !signature.empty() && signature.size() <= kMaxSignature;
  if (shape && (state_->ec ? ec::verify(state_->ec.get(), digest, signature)
                           : rsa::verify(state_->rsa.get(), hash, digest, signature, padding))) {
    return {};
  }
  ERR_clear_error();  // libcrypto's queue is per thread and nobody else reads what we leave there
  return Status::invalid_argument("signature is invalid");
}

Result<Bytes> ecdsa_der_to_raw(KeyType type, ByteView der) {
  const std::size_t width = ec::curve(type).field_size;
  der::Reader top(der);
  der::Reader pair = top.sequence();
  const ByteView r = pair.unsigned_integer();
  const ByteView s = pair.unsigned_integer();
  if (!top.at_end() || !pair.at_end() || r.size() > width || s.size() > width) {
    return Status::invalid_argument("ECDSA signature is malformed");
  }
  Bytes raw(2 * width);
  std::copy(r.begin(), r.end(), raw.begin() + static_cast<std::ptrdiff_t>(width - r.size()));
  std::copy(s.begin(), s.end(), raw.end() - static_cast<std::ptrdiff_t>(s.size()));
  return raw;
}

Result<Bytes> ecdsa_raw_to_der(KeyType type, ByteView raw) {
  const std::size_t width = ec::curve(type).field_size;
  if (raw.size() != 2 * width) return Status::invalid_argument("ECDSA signature is malformed");
  der::Writer out;
  out.sequence([&] {
    out.unsigned_integer(raw.first(width));
    out.unsigned_integer(raw.subspan(width));
  });
  return std::move(out).take();
}

}  // namespace signet::crypto
