#include "agent_identity.h"

#include "x509/csr.h"

namespace signet::agent {
namespace {

constexpr const char* kSlotA = "agent-svid-A";
constexpr const char* kSlotB = "agent-svid-B";

// A P-256 key in the key manager, for signing the request.
class SlotSigner final : public crypto::Signer {
 public:
  SlotSigner(const KeyManagerClient& keys, const KeyInfo& key)
      : keys_(keys), key_id_(key.key_id), spki_(crypto::to_bytes(key.public_key)) {}
  crypto::KeyType key_type() const override { return crypto::KeyType::kEcP256; }
  const crypto::Bytes& spki() const override { return spki_; }
  Result<crypto::Bytes> sign(crypto::Hash, crypto::ByteView digest,
                             crypto::RsaPadding) const override {
    SIGNET_TRY(const std::string signature,
               keys_.sign(key_id_, SIGNET_HASH_SHA256, crypto::as_text(digest)));
    return crypto::to_bytes(signature);
  }

 private:
  const KeyManagerClient& keys_;
  std::string key_id_;
  crypto::Bytes spki_;
};

}  // namespace

Status AgentIdentity::open() {
  const std::vector<std::string> names =
      ServiceHandle<signet_key_manager>::names(host_, SIGNET_KEY_MANAGER);
  if (names.empty()) return Status::failed_precondition("no key manager is configured");
  name_ = names.front();
  SIGNET_TRY(keys_, KeyManagerClient::acquire(host_, name_));
  return {};
}

AgentSvidPtr AgentIdentity::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void AgentIdentity::set(AgentSvidPtr svid) {
  const std::lock_guard lock(mutex_);
  current_ = std::move(svid);
}

Result<RpcIdentity> AgentIdentity::for_transport() const {
  const AgentSvidPtr svid = current();
  if (!svid) return Status::not_found("the agent has no SVID yet");
  RpcIdentity identity;
  for (const x509::Certificate& certificate : svid->chain)
    identity.chain.push_back(crypto::to_string(certificate.der()));
  identity.key_manager = name_;
  identity.key_id = svid->key_id;
  return identity;
}

Result<std::optional<std::string>> AgentIdentity::find_key(const x509::Certificate& leaf) const {
  SIGNET_TRY(const std::vector<KeyInfo> keys, keys_->list());
  for (const KeyInfo& key : keys) {
    if (crypto::as_text(leaf.spki()) == key.public_key)
      return std::optional<std::string>(key.key_id);
  }
  return std::optional<std::string>();
}

Result<AgentCsr> AgentIdentity::new_key() const {
  const AgentSvidPtr now = current();
  const char* const slot = now && now->key_id == kSlotA ? kSlotB : kSlotA;
  SIGNET_TRY(const KeyInfo key, keys_->generate(slot, SIGNET_KEY_EC_P256));
  SIGNET_TRY(const crypto::Bytes csr, x509::create_csr({}, SlotSigner(*keys_, key)));
  return AgentCsr{key.key_id, key.public_key, crypto::to_string(csr)};
}

}  // namespace signet::agent
