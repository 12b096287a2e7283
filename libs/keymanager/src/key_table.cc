#include "keymanager/key_table.h"

#include <optional>
#include <utility>

namespace signet::keymanager {
namespace {

using crypto::Hash;
using crypto::KeyType;

std::optional<KeyType> key_type_of(std::uint32_t abi) {
  switch (abi) {
    case SIGNET_KEY_EC_P256:
      return KeyType::kEcP256;
    case SIGNET_KEY_EC_P384:
      return KeyType::kEcP384;
    case SIGNET_KEY_RSA_2048:
      return KeyType::kRsa2048;
    case SIGNET_KEY_RSA_4096:
      return KeyType::kRsa4096;
    default:
      return {};
  }
}

std::optional<Hash> hash_of(std::uint32_t abi) {
  switch (abi) {
    case SIGNET_HASH_SHA256:
      return Hash::kSha256;
    case SIGNET_HASH_SHA384:
      return Hash::kSha384;
    case SIGNET_HASH_SHA512:
      return Hash::kSha512;
    default:
      return {};
  }
}

Status check_key_id(std::string_view key_id) {
  if (key_id.empty()) return Status::invalid_argument("key id is required");
  if (key_id.size() > KeyTable::kMaxKeyIdLength) {
    return Status::invalid_argument("key id is too long");
  }
  return {};
}

}  // namespace

Result<std::uint32_t> abi_key_type(KeyType type) {
  switch (type) {
    case KeyType::kEcP256:
      return SIGNET_KEY_EC_P256;
    case KeyType::kEcP384:
      return SIGNET_KEY_EC_P384;
    case KeyType::kRsa2048:
      return SIGNET_KEY_RSA_2048;
    case KeyType::kRsa4096:
      return SIGNET_KEY_RSA_4096;
    case KeyType::kEcP521:
    case KeyType::kRsaOther:
      break;
  }
  return Status::invalid_argument("unsupported key type " +
                                  std::string(crypto::key_type_name(type)));
}

KeyInfo KeyTable::info_of(std::string_view key_id, const crypto::PrivateKey& key) {
  // The callers' promise: every key here has a number.
  return {std::string(key_id), abi_key_type(key.type()).value_or(0),
          crypto::to_string(key.public_key().spki())};
}

KeyTable::KeyTable(Keys keys, Save save) : keys_(std::move(keys)), save_(std::move(save)) {}

Result<KeyInfo> KeyTable::generate(std::string_view key_id, std::uint32_t key_type) {
  SIGNET_RETURN_IF_ERROR(check_key_id(key_id));
  const auto type = key_type_of(key_type);
  if (!type) {
    return Status::invalid_argument("unsupported key type " + std::to_string(key_type));
  }
  // Outside any lock: an RSA key takes seconds, and others must be able to sign meanwhile.
  SIGNET_TRY(crypto::PrivateKey key, crypto::PrivateKey::generate(*type));
  KeyInfo info = info_of(key_id, key);

  const std::lock_guard one_at_a_time(writer_);
  Keys next = keys_;  // keys_ is written under writer_ alone, so it may be read under it
  next.insert_or_assign(std::string(key_id), std::move(key));
  if (save_) SIGNET_RETURN_IF_ERROR(save_(next));
  const std::unique_lock lock(lookup_);
  keys_.swap(next);
  return info;
}

Status KeyTable::adopt(const Keys& keys, bool take) {
  const std::lock_guard one_at_a_time(writer_);
  Keys next = keys_;
  for (const auto& [key_id, key] : keys) {
    SIGNET_RETURN_IF_ERROR(check_key_id(key_id));
    const auto [at, added] = next.emplace(key_id, key);
    if (!added && info_of(key_id, at->second).public_key != info_of(key_id, key).public_key) {
      return Status::already_exists("another key is called \"" + key_id + "\" here");
    }
  }
  if (!take || next.size() == keys_.size()) return {};
  if (save_) SIGNET_RETURN_IF_ERROR(save_(next));
  const std::unique_lock lock(lookup_);
  keys_.swap(next);
  return {};
}

std::vector<KeyInfo> KeyTable::list() const {
  const std::shared_lock lock(lookup_);
  std::vector<KeyInfo> out;
  out.reserve(keys_.size());
  for (const auto& [key_id, key] : keys_) out.push_back(info_of(key_id, key));
  return out;
}

Result<crypto::PrivateKey> KeyTable::find(std::string_view key_id) const {
  const std::shared_lock lock(lookup_);
  const auto found = keys_.find(key_id);
  if (found == keys_.end()) {
    return Status::not_found("no such key \"" + std::string(key_id) + "\"");
  }
  return found->second;
}

Result<std::string> KeyTable::sign(const signet_sign_req& request) const {
  const std::string_view key_id = view(request.key_id);
  if (key_id.empty()) return Status::invalid_argument("key id is required");
  const auto hash = hash_of(request.hash_alg);
  if (!hash) {
    return Status::invalid_argument("unsupported hash " + std::to_string(request.hash_alg));
  }
  const std::size_t size = crypto::digest_size(*hash);
  if (request.digest.len != size) {
    return Status::invalid_argument("digest has " + std::to_string(request.digest.len) +
                                    " bytes, the hash makes " + std::to_string(size));
  }
  SIGNET_TRY(const crypto::PrivateKey key, find(key_id));
  crypto::RsaPadding padding = crypto::RsaPadding::kPkcs1;
  if (request.pss_salt_len >= 0) {
    if (!crypto::is_rsa(key.type())) {
      return Status::invalid_argument("PSS needs an RSA key");
    }
    if (static_cast<std::size_t>(request.pss_salt_len) != size) {
      return Status::invalid_argument("the PSS salt must be as long as the digest");
    }
    padding = crypto::RsaPadding::kPss;
  }
  SIGNET_TRY(const crypto::Bytes signature,
             key.sign(*hash, {request.digest.ptr, request.digest.len}, padding));
  return crypto::to_string(signature);
}

}  // namespace signet::keymanager
