// Signer: something that signs digests with a key that may live elsewhere.
//
// A key manager reached over the C ABI implements it; PrivateKeySigner is the one for a key
// in memory. Implementations are safe to call from several threads.
#pragma once

#include "crypto/key.h"

namespace signet::crypto {

class Signer {
 public:
  virtual ~Signer() = default;
  virtual KeyType key_type() const = 0;
  /// The public half as SubjectPublicKeyInfo (DER); constant over the life of the signer.
  virtual const Bytes& spki() const = 0;
  /// See PrivateKey::sign for the shapes.
  virtual Result<Bytes> sign(Hash hash, ByteView digest, RsaPadding padding) const = 0;
};

class PrivateKeySigner final : public Signer {
 public:
  explicit PrivateKeySigner(PrivateKey key) : key_(std::move(key)) {}
  KeyType key_type() const override { return key_.type(); }
  const Bytes& spki() const override { return key_.public_key().spki(); }
  Result<Bytes> sign(Hash hash, ByteView digest, RsaPadding padding) const override {
    return key_.sign(hash, digest, padding);
  }
  const PrivateKey& key() const { return key_; }

 private:
  PrivateKey key_;
};

}  // namespace signet::crypto
