#include "token_kind.h"

#include <algorithm>

#include "crypto/random.h"

namespace signet::server {
namespace {

namespace types = spire::api::types;

template <typename Keys>
auto find_key(Keys& keys, const std::string& key_id) {
  return std::find_if(keys.begin(), keys.end(),
                      [&](const auto& key) { return key.key_id() == key_id; });
}

}  // namespace

template <typename Key>
Result<AuthorityKind::Made> TokenKind<Key>::make(Entry& entry,
                                                 std::shared_ptr<const KeyManagerSigner> signer) {
  entry.set_authority_id(crypto::random_alphanumeric(32));
  entry.set_not_after(entry.issued_at() + tools().config.ca_ttl.count());
  Key key;
  key.set_key_id(entry.authority_id());
  key.set_public_key(entry.public_key());
  key.set_expires_at(entry.not_after());
  SIGNET_TRY(std::optional<Keys> upstream, source_.publish(key));
  Keys keys = upstream ? *std::move(upstream) : only(key);
  SIGNET_TRY(AuthorityPtr authority, restore(entry, std::move(signer)));
  return Made{std::move(authority), [this, keys = std::move(keys)](Bundle& bundle) -> Result<bool> {
                Keys& known = keys_of(bundle);
                bool added = false;
                for (const Key& one : keys) {
                  if (find_key(known, one.key_id()) != known.end()) continue;
                  *known.Add() = one;
                  added = true;
                }
                return added;
              }};
}

template <typename Key>
Result<AuthorityPtr> TokenKind<Key>::restore(const Entry& entry,
                                             std::shared_ptr<const KeyManagerSigner> signer) const {
  return AuthorityPtr(std::make_shared<const TokenAuthority>(
      TokenAuthority{{entry.authority_id(), entry.not_after()}, std::move(signer)}));
}

template <typename Key>
bool TokenKind<Key>::published(const Bundle& bundle, const Entry& entry) const {
  const Keys& keys = keys_of(bundle);
  return find_key(keys, entry.authority_id()) != keys.end();
}

template <typename Key>
Result<bool> TokenKind<Key>::taint_in(Bundle& bundle, const std::string& key_id) const {
  Keys& keys = keys_of(bundle);
  const auto at = find_key(keys, key_id);
  if (at == keys.end()) {
    return Status::not_found(std::string("no ") + title() + " Key found with provided key ID");
  }
  if (at->tainted()) return Status::failed_precondition("key is already tainted");
  at->set_tainted(true);
  return true;
}

template <typename Key>
Result<bool> TokenKind<Key>::revoke_in(Bundle& bundle, const std::string& key_id) const {
  Keys& keys = keys_of(bundle);
  const auto at = find_key(keys, key_id);
  if (at == keys.end()) {
    return Status::not_found(std::string("no ") + title() + " Key found with provided key ID");
  }
  if (!at->tainted()) {
    return Status::failed_precondition("it is not possible to revoke an untainted key");
  }
  keys.erase(at);
  return true;
}

template <typename Key>
bool TokenKind<Key>::withdraw_from(Bundle& bundle, const Entry& entry) const {
  Keys& keys = keys_of(bundle);
  const auto at = find_key(keys, entry.authority_id());
  if (at == keys.end()) return false;
  keys.erase(at);
  return true;
}

template class TokenKind<types::JWTKey>;
template class TokenKind<types::WITKey>;

}  // namespace signet::server
