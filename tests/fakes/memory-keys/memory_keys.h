// MemoryKeys: a key manager for tests, without a plugin around it. EC P-256 keys that live as long
// as it does; it fails when the test says so.
//
//   fakes::MemoryKeys keys(host);
//   fake_host.offer(SIGNET_KEY_MANAGER, keys.instance(), keys.table());
#pragma once

#include <map>
#include <string>

#include "signet/key_manager.h"

#include "crypto/key.h"

namespace signet::fakes {

class MemoryKeys final : public Plugin, public KeyManager {
 public:
  explicit MemoryKeys(Host host) : Plugin(std::move(host), "memory") {}
  signet_instance* instance() { return to_abi(static_cast<Plugin*>(this)); }
  static const signet_key_manager* table() { return key_manager_table<MemoryKeys>(); }

  Status configure(Call&, std::string_view) override { return {}; }
  Result<KeyInfo> generate(std::string_view id, std::uint32_t) override {
    if (fail_generate > 0) {
      --fail_generate;
      return Status::unavailable("no keys today");
    }
    SIGNET_TRY(auto key, crypto::PrivateKey::generate(crypto::KeyType::kEcP256));
    keys.insert_or_assign(std::string(id), std::move(key));
    return info(std::string(id));
  }
  Result<std::vector<KeyInfo>> list() override {
    std::vector<KeyInfo> out;
    for (const auto& [id, key] : keys) out.push_back(info(id));
    return out;
  }
  Result<std::string> sign(const signet_sign_req& request) override {
    const auto at = keys.find(std::string(view(request.key_id)));
    if (at == keys.end()) return Status::not_found("no such key");
    SIGNET_TRY(const auto signature,
               at->second.sign(crypto::Hash::kSha256, crypto::as_bytes(view(request.digest))));
    return crypto::to_string(signature);
  }

  std::map<std::string, crypto::PrivateKey> keys;  // by key ID
  int fail_generate = 0;                           // so many fail from now on

 private:
  KeyInfo info(const std::string& id) const {
    return {id, SIGNET_KEY_EC_P256, crypto::to_string(keys.at(id).public_key().spki())};
  }
};

}  // namespace signet::fakes
