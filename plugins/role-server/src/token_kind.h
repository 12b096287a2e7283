// TokenKind: authorities whose keys sign tokens, JWT-SVIDs or WIT-SVIDs. In the bundle is the key
// itself, under its key ID.
#pragma once

#include <functional>

#include "authority_kind.h"
#include "ca_source.h"

namespace signet::server {

template <typename Key>  // types::JWTKey or types::WITKey
class TokenKind : public AuthorityKind {
 public:
  using Keys = google::protobuf::RepeatedPtrField<Key>;
  TokenAuthorityPtr token() const {
    return std::static_pointer_cast<const TokenAuthority>(signing());
  }

 protected:
  TokenKind(AuthorityTools& tools, CaSource& source, Names names)
      : AuthorityKind(tools, names), source_(source) {}
  /// The keys of this kind in a bundle.
  virtual Keys& keys_of(Bundle& bundle) const = 0;
  virtual const Keys& keys_of(const Bundle& bundle) const = 0;

  Result<Made> make(Entry& entry, std::shared_ptr<const KeyManagerSigner> signer) override;
  Result<AuthorityPtr> restore(const Entry& entry,
                               std::shared_ptr<const KeyManagerSigner> signer) const override;
  bool published(const Bundle& bundle, const Entry& entry) const override;
  // A key has no beginning: what it signs says its own times.
  bool begins_later(const Slot&) const override { return false; }
  Result<bool> taint_in(Bundle& bundle, const std::string& key_id) const override;
  Result<bool> revoke_in(Bundle& bundle, const std::string& key_id) const override;
  bool withdraw_from(Bundle& bundle, const Entry& entry) const override;

 private:
  CaSource& source_;
};

class JwtKind final : public TokenKind<spire::api::types::JWTKey> {
 public:
  JwtKind(AuthorityTools& tools, CaSource& source)
      : TokenKind(
            tools, source,
            {"JWT", "JWT-Signer-", "ca.manager.jwt_key.prepare", "manager.jwt_key.activate"}) {}

 protected:
  crypto::KeyType key_type() const override { return tools().config.jwt_key_type; }
  Entries& entries(Journal& journal) const override { return *journal.mutable_jwt(); }
  Keys& keys_of(Bundle& bundle) const override { return *bundle.mutable_jwt_authorities(); }
  const Keys& keys_of(const Bundle& bundle) const override { return bundle.jwt_authorities(); }
};

class WitKind final : public TokenKind<spire::api::types::WITKey> {
 public:
  WitKind(AuthorityTools& tools, CaSource& source)
      : TokenKind(
            tools, source,
            {"WIT", "WIT-Signer-", "ca.manager.wit_key.prepare", "manager.wit_key.activate"}) {}

 protected:
  crypto::KeyType key_type() const override { return tools().config.wit_key_type; }
  Entries& entries(Journal& journal) const override { return *journal.mutable_wit(); }
  Keys& keys_of(Bundle& bundle) const override { return *bundle.mutable_wit_authorities(); }
  const Keys& keys_of(const Bundle& bundle) const override { return bundle.wit_authorities(); }
};

}  // namespace signet::server
