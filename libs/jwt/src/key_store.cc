// The keys that a validator trusts, by trust domain and key ID.
#include "jwt/svid.h"

namespace signet::jwt {

Status KeyStore::add(const TrustDomain& trust_domain,
                     const std::vector<x509::JwtAuthority>& authorities) {
  std::map<std::string, crypto::PublicKey, std::less<>> keys;
  for (const x509::JwtAuthority& authority : authorities) {
    auto key = crypto::PublicKey::from_spki(authority.spki);
    if (!key) return key.status().prefixed("JWT authority \"" + authority.key_id + "\"");
    keys.insert_or_assign(authority.key_id, *std::move(key));
  }
  // X509-SVID 6 and JWT-SVID 6: keys of different trust domains are never merged, and an empty
  // bundle leaves the domain known but without a key.
  keys_.insert_or_assign(trust_domain.name(), std::move(keys));
  return {};
}

bool KeyStore::has(std::string_view trust_domain) const {
  const auto domain = keys_.find(trust_domain);
  return domain != keys_.end() && !domain->second.empty();
}

const crypto::PublicKey* KeyStore::find(std::string_view trust_domain,
                                        std::string_view key_id) const {
  const auto domain = keys_.find(trust_domain);
  if (domain == keys_.end()) return nullptr;
  const auto key = domain->second.find(key_id);
  return key == domain->second.end() ? nullptr : &key->second;
}

}  // namespace signet::jwt
