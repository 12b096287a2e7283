#include "bundle_conversion.h"

#include <algorithm>

#include "signet/spiffe_id.h"

#include "crypto/bytes.h"
#include "crypto/key.h"
#include "x509/certificate.h"

namespace signet::server {
namespace {

namespace types = spire::api::types;

bool same(const types::X509Certificate& a, const types::X509Certificate& b) {
  return a.asn1() == b.asn1() && a.tainted() == b.tainted();
}
template <typename Key>  // JWTKey or WITKey
bool same(const Key& a, const Key& b) {
  return a.key_id() == b.key_id() && a.public_key() == b.public_key() &&
         a.expires_at() == b.expires_at() && a.tainted() == b.tainted();
}

template <typename List>
bool append_missing(List& list, const List& more) {
  bool added = false;
  for (const auto& item : more) {
    if (std::any_of(list.begin(), list.end(), [&](const auto& old) { return same(old, item); }))
      continue;
    *list.Add() = item;
    added = true;
  }
  return added;
}

}  // namespace

Result<X509Authorities> x509_authorities_from_api(const X509Authorities& authorities) {
  X509Authorities out;
  for (const auto& authority : authorities) {
    SIGNET_TRY(const auto certificates,
               x509::Certificate::parse_concatenated(crypto::as_bytes(authority.asn1())));
    for (const x509::Certificate& certificate : certificates) {
      out.Add()->set_asn1(std::string(crypto::as_text(certificate.der())));
    }
  }
  return out;
}

template <typename Keys>
Result<Keys> keys_from_api(const Keys& authorities) {
  Keys out;
  for (const auto& authority : authorities) {
    const auto key = crypto::PublicKey::from_spki(crypto::as_bytes(authority.public_key()));
    if (!key) return key.status();
    if (authority.key_id().empty()) return Status::invalid_argument("missing key ID");
    auto* added = out.Add();
    added->set_public_key(authority.public_key());
    added->set_key_id(authority.key_id());
    added->set_expires_at(authority.expires_at());
  }
  return out;
}

template Result<JwtAuthorities> keys_from_api(const JwtAuthorities&);
template Result<WitAuthorities> keys_from_api(const WitAuthorities&);

Result<types::Bundle> bundle_from_client(const types::Bundle& bundle) {
  const auto domain = TrustDomain::parse_name_or_id(bundle.trust_domain());
  if (!domain) return domain.status().prefixed("invalid trust domain");
  auto x509 = x509_authorities_from_api(bundle.x509_authorities());
  if (!x509) return x509.status().prefixed("unable to parse X.509 authority");
  auto jwt = keys_from_api(bundle.jwt_authorities());
  if (!jwt) return jwt.status().prefixed("unable to parse JWT authority");
  types::Bundle out;
  out.set_trust_domain(domain->name());
  *out.mutable_x509_authorities() = std::move(*x509);
  *out.mutable_jwt_authorities() = std::move(*jwt);
  out.set_refresh_hint(bundle.refresh_hint());
  out.set_sequence_number(bundle.sequence_number());
  return out;
}

bool append_authorities(types::Bundle& bundle, const X509Authorities& x509,
                        const JwtAuthorities& jwt, const WitAuthorities& wit) {
  bool added = append_missing(*bundle.mutable_x509_authorities(), x509);
  added |= append_missing(*bundle.mutable_jwt_authorities(), jwt);
  added |= append_missing(*bundle.mutable_wit_authorities(), wit);
  return added;
}

void apply_mask(types::Bundle& bundle, const types::BundleMask* mask) {
  if (mask == nullptr) return;
  if (!mask->x509_authorities()) bundle.clear_x509_authorities();
  if (!mask->jwt_authorities()) bundle.clear_jwt_authorities();
  if (!mask->wit_authorities()) bundle.clear_wit_authorities();
  if (!mask->refresh_hint()) bundle.clear_refresh_hint();
  if (!mask->sequence_number()) bundle.clear_sequence_number();
}

}  // namespace signet::server
