// KeyTable: the private keys of a key manager by name.
//
// Signing takes a shared lock for the look-up only, so any number of signers run side by side.
// A new key is made and saved before anyone sees it: when that fails, the old one stays.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "signet/key_manager.h"
#include "signet/status.h"

#include "crypto/key.h"

namespace signet::keymanager {

using Keys = std::map<std::string, crypto::PrivateKey, std::less<>>;

/// The number of abi/key_manager.h for a key's type.
/// Errors   kInvalidArgument when no key manager makes such keys (P-521, odd RSA sizes)
Result<std::uint32_t> abi_key_type(crypto::KeyType type);

class KeyTable {
 public:
  /// Makes `keys` durable; an error keeps the old table. Never called twice at once.
  using Save = std::function<Status(const Keys& keys)>;

  static constexpr std::size_t kMaxKeyIdLength = 255;  // bytes
  static KeyInfo info_of(std::string_view key_id, const crypto::PrivateKey& key);

  /// keys   all of a type that abi_key_type knows
  /// save   may be empty: then nothing outlives the process
  explicit KeyTable(Keys keys = {}, Save save = {});

  /// Makes a key called key_id, replacing one of that name once `save` has succeeded.
  /// Errors   kInvalidArgument (name or type), or what `save` said
  Result<KeyInfo> generate(std::string_view key_id, std::uint32_t key_type);

  /// Takes in keys that were made elsewhere, all or none once `save` has succeeded. One that is
  /// here already is no error.
  /// keys     of types that abi_key_type knows
  /// take     false: only says whether it could
  /// Errors   kAlreadyExists: another key has one of the names; kInvalidArgument: a name; or what
  ///          `save` said
  Status adopt(const Keys& keys, bool take);

  /// All keys, by name.
  std::vector<KeyInfo> list() const;

  /// As abi/key_manager.h says. PSS takes RSA keys and a salt as long as the digest.
  Result<std::string> sign(const signet_sign_req& request) const;

 private:
  Result<crypto::PrivateKey> find(std::string_view key_id) const;

  std::mutex writer_;                 // one generate() or adopt() at a time swaps and saves
  mutable std::shared_mutex lookup_;  // guards keys_
  Keys keys_;
  Save save_;
};

}  // namespace signet::keymanager
