// PublicKey and PrivateKey: the one wrapper over libcrypto's keys.
//
// Both are immutable and share their state: copy them freely, use them from any thread.
// Elliptic curve keys take libcrypto's low-level path, which is three times faster than
// EVP for a P-256 import (see src/ec_low_level.h); RSA goes through EVP.
//
//   auto key = PrivateKey::generate(KeyType::kEcP256);
//   auto sig = key->sign(Hash::kSha256, sha256(message));
//   Status s = key->public_key().verify(Hash::kSha256, sha256(message), *sig);
#pragma once

#include <memory>
#include <optional>

#include "signet/status.h"

#include "crypto/hash.h"
#include "crypto/secret_bytes.h"

namespace signet::crypto {

// kRsaOther is an RSA key of another size, from 2048 to 8192 bits: verified, never generated.
enum class KeyType { kEcP256, kEcP384, kEcP521, kRsa2048, kRsa4096, kRsaOther };
// Ignored for EC keys. A salt of PSS is as long as the hash (RFC 7518 3.5); kPssAnySalt is for
// protocols that do not say how long it is, and takes the longest one to sign.
enum class RsaPadding { kPkcs1, kPss, kPssAnySalt };

constexpr bool is_ec(KeyType type) { return type <= KeyType::kEcP521; }
constexpr bool is_rsa(KeyType type) { return !is_ec(type); }
/// "ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-4096", "rsa".
std::string_view key_type_name(KeyType type);
/// The types one may generate: "ec-p256", "ec-p384", "rsa-2048", "rsa-4096".
std::optional<KeyType> key_type_from_name(std::string_view name);
/// The hash that goes with a key in certificates: SHA-384 for P-384, SHA-512 for P-521, else
/// SHA-256.
constexpr Hash default_hash(KeyType type) {
  return type == KeyType::kEcP384   ? Hash::kSha384
         : type == KeyType::kEcP521 ? Hash::kSha512
                                    : Hash::kSha256;
}

class PublicKey {
 public:
  /// Reads a SubjectPublicKeyInfo (PKIX, DER). Limits: P-256, P-384, P-521 with an
  /// uncompressed point on the curve; RSA of 2048 to 8192 bits with an odd exponent from 3.
  /// Errors   kInvalidArgument; field `reason`: "malformed", "unsupported" or "weak"
  static Result<PublicKey> from_spki(ByteView der);
  /// `point` is 04 || X || Y; `type` one of the EC types.
  static Result<PublicKey> from_ec_point(KeyType type, ByteView point);
  /// Big-endian modulus and exponent, as a JWK has them.
  static Result<PublicKey> from_rsa(ByteView modulus, ByteView exponent);

  KeyType type() const;
  int bits() const;           // 256, 384, 521, or the size of the modulus
  const Bytes& spki() const;  // DER
  /// The contents of the BIT STRING: the point, or the RSAPublicKey. What a key ID hashes.
  ByteView key_bits() const;
  ByteView rsa_modulus() const;   // big-endian without leading zeros; empty for EC keys
  ByteView rsa_exponent() const;  // same

  /// Checks a signature over `digest`. ECDSA signatures are DER (r, s).
  /// Errors   kInvalidArgument "signature is invalid", also for a signature that does not parse;
  ///          SHA-1 and a digest of the wrong length are refused the same way
  Status verify(Hash hash, ByteView digest, ByteView signature,
                RsaPadding padding = RsaPadding::kPkcs1) const;

  bool operator==(const PublicKey& other) const { return spki() == other.spki(); }

  struct State;
  explicit PublicKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<const State> state_;
};

class PrivateKey {
 public:
  /// kEcP256, kEcP384, kRsa2048 or kRsa4096. Errors   kInvalidArgument, kInternal
  static Result<PrivateKey> generate(KeyType type);
  /// Unencrypted PKCS#8 (RFC 5958 one asymmetric key). The public half is checked.
  static Result<PrivateKey> from_pkcs8_der(ByteView der);
  /// The first block of a PEM text: "PRIVATE KEY", "EC PRIVATE KEY" or "RSA PRIVATE KEY".
  static Result<PrivateKey> from_pem(std::string_view pem);

  SecretBytes to_pkcs8_der() const;
  SecretBytes to_pem() const;  // "PRIVATE KEY"

  KeyType type() const { return public_key().type(); }
  const PublicKey& public_key() const;

  /// Signs `digest`, whose length must be the hash's. ECDSA: DER (r, s).
  /// RSA: as `padding` says.
  Result<Bytes> sign(Hash hash, ByteView digest, RsaPadding padding = RsaPadding::kPkcs1) const;

  struct State;
  explicit PrivateKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<const State> state_;
};

/// ECDSA signatures: DER SEQUENCE(r, s) <-> r || s of fixed width (JWS, RFC 7518 3.4).
Result<Bytes> ecdsa_der_to_raw(KeyType type, ByteView der);
Result<Bytes> ecdsa_raw_to_der(KeyType type, ByteView raw);

}  // namespace signet::crypto
