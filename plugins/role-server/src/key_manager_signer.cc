#include "key_manager_signer.h"

namespace signet::server {

Result<std::shared_ptr<const KeyManagerSigner>> KeyManagerSigner::make(
    std::shared_ptr<const KeyManagerClient> keys, std::string key_id, std::string_view spki) {
  SIGNET_TRY(crypto::PublicKey key, crypto::PublicKey::from_spki(crypto::as_bytes(spki)));
  return std::make_shared<const KeyManagerSigner>(std::move(keys), std::move(key_id),
                                                  std::move(key));
}

Result<crypto::Bytes> KeyManagerSigner::sign(crypto::Hash hash, crypto::ByteView digest,
                                             crypto::RsaPadding padding) const {
  std::uint32_t algorithm = 0;
  switch (hash) {
    case crypto::Hash::kSha256:
      algorithm = SIGNET_HASH_SHA256;
      break;
    case crypto::Hash::kSha384:
      algorithm = SIGNET_HASH_SHA384;
      break;
    case crypto::Hash::kSha512:
      algorithm = SIGNET_HASH_SHA512;
      break;
    case crypto::Hash::kSha1:
      return Status::invalid_argument("SHA-1 signatures are not made");
  }
  if (padding == crypto::RsaPadding::kPssAnySalt) {
    return Status::invalid_argument("the length of a salt is for the signer to say");
  }
  const bool pss = padding == crypto::RsaPadding::kPss && crypto::is_rsa(key_type());
  SIGNET_TRY(const std::string signature,
             keys_->sign(key_id_, algorithm, crypto::as_text(digest),
                         pss ? static_cast<std::int32_t>(digest.size()) : -1));
  return crypto::to_bytes(signature);
}

std::uint32_t key_manager_type(crypto::KeyType type) {
  switch (type) {
    case crypto::KeyType::kEcP384:
      return SIGNET_KEY_EC_P384;
    case crypto::KeyType::kRsa2048:
      return SIGNET_KEY_RSA_2048;
    case crypto::KeyType::kRsa4096:
      return SIGNET_KEY_RSA_4096;
    default:
      return SIGNET_KEY_EC_P256;
  }
}

}  // namespace signet::server
