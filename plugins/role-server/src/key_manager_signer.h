// KeyManagerSigner: a key that lives in the key manager, as the Signer that libs/x509 and
// libs/jwt sign with.
#pragma once

#include <memory>
#include <string>

#include "signet/key_manager.h"

#include "crypto/signer.h"

namespace signet::server {

class KeyManagerSigner final : public crypto::Signer {
 public:
  /// spki: of the key called `key_id` now; after the key is replaced, signatures do not match it.
  static Result<std::shared_ptr<const KeyManagerSigner>> make(
      std::shared_ptr<const KeyManagerClient> keys, std::string key_id, std::string_view spki);

  crypto::KeyType key_type() const override { return public_key_.type(); }
  const crypto::Bytes& spki() const override { return public_key_.spki(); }
  Result<crypto::Bytes> sign(crypto::Hash hash, crypto::ByteView digest,
                             crypto::RsaPadding padding) const override;

  KeyManagerSigner(std::shared_ptr<const KeyManagerClient> keys, std::string key_id,
                   crypto::PublicKey public_key)
      : keys_(std::move(keys)), key_id_(std::move(key_id)), public_key_(std::move(public_key)) {}

 private:
  std::shared_ptr<const KeyManagerClient> keys_;
  std::string key_id_;
  crypto::PublicKey public_key_;
};

/// The key manager's number for a type that may be generated.
std::uint32_t key_manager_type(crypto::KeyType type);

}  // namespace signet::server
