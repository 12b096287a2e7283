#include "wire.h"

#include <algorithm>

#include "x509/bundle_json.h"

namespace signet::agent {
namespace {

constexpr std::size_t kMaxHint = 1024;  // bytes, SPIFFE Workload API 5.2.1

template <typename List>
void add_keys(std::vector<x509::JwtAuthority>& out, const List& keys) {
  for (const auto& key : keys) {
    out.push_back({key.key_id(), crypto::to_bytes(crypto::as_bytes(key.public_key())),
                   key.expires_at(), key.tainted()});
  }
}

}  // namespace

Result<EntryPtr> entry_from_wire(const types::Entry& wire) {
  if (wire.id().empty()) return Status::invalid_argument("missing entry ID");
  if (!wire.has_spiffe_id()) return Status::invalid_argument("missing SPIFFE ID");
  SIGNET_TRY(const TrustDomain domain, TrustDomain::parse(wire.spiffe_id().trust_domain()));
  SIGNET_TRY(SpiffeId id, SpiffeId::make(domain, wire.spiffe_id().path()));
  auto entry = std::make_shared<Entry>(Entry{wire.id(), std::move(id), {}, {}, {}});
  // A longer one never comes from a sound server; the identity is worth more than its hint.
  if (wire.hint().size() <= kMaxHint) entry->hint = wire.hint();
  if (wire.selectors().empty()) return Status::invalid_argument("missing selectors");
  for (const types::Selector& selector : wire.selectors()) {
    Selector s{selector.type(), selector.value()};
    SIGNET_RETURN_IF_ERROR(s.check());
    entry->selectors.push_back(std::move(s));
  }
  normalise(entry->selectors);
  for (const std::string& name : wire.federates_with()) {
    const Result<TrustDomain> other = TrustDomain::parse_name_or_id(name);
    if (!other) return other.status().prefixed("malformed federated trust domain");
    entry->federates_with.push_back(other->name());
  }
  std::vector<std::string>& others = entry->federates_with;
  std::sort(others.begin(), others.end());
  others.erase(std::unique(others.begin(), others.end()), others.end());
  entry->revision_number = wire.revision_number();
  entry->created_at = wire.created_at();
  entry->expires_at = wire.expires_at();
  entry->admin = wire.admin();
  entry->downstream = wire.downstream();
  entry->store_svid = wire.store_svid();
  entry->disable_x509_svid_prefetch = wire.additional_attributes().disable_x509_svid_prefetch();
  entry->jwt_svid_include_jti = wire.additional_attributes().jwt_svid_include_jti();
  return EntryPtr(std::move(entry));
}

Result<x509::Bundle> bundle_from_wire(const types::Bundle& wire) {
  SIGNET_TRY(TrustDomain domain, TrustDomain::parse_name_or_id(wire.trust_domain()));
  x509::Bundle bundle(std::move(domain));
  for (const types::X509Certificate& authority : wire.x509_authorities()) {
    SIGNET_TRY(auto certificates,
               x509::Certificate::parse_concatenated(crypto::as_bytes(authority.asn1())));
    for (auto& certificate : certificates)
      bundle.x509_authorities.push_back({std::move(certificate), authority.tainted()});
  }
  add_keys(bundle.jwt_authorities, wire.jwt_authorities());
  add_keys(bundle.wit_authorities, wire.wit_authorities());
  bundle.sequence_number = wire.sequence_number();
  bundle.refresh_hint = wire.refresh_hint();
  return bundle;
}

Result<BundlePtr> bundle_data(const x509::Bundle& bundle) {
  SIGNET_TRY(std::string jwks, x509::write_jwks(bundle.jwt_authorities));
  SIGNET_TRY(std::string wit_jwks, x509::write_jwks(bundle.wit_authorities));
  return BundlePtr(std::make_shared<BundleData>(
      BundleData{bundle.trust_domain, crypto::to_string(bundle.concatenated_certificates()),
                 std::move(jwks), std::make_shared<x509::Bundle>(bundle), std::move(wit_jwks)}));
}

Result<std::vector<x509::Certificate>> chain_from_wire(const types::X509SVID& wire) {
  std::vector<x509::Certificate> chain;
  if (wire.cert_chain().empty()) return Status::invalid_argument("the X509-SVID is empty");
  for (const std::string& der : wire.cert_chain()) {
    SIGNET_TRY(x509::Certificate certificate, x509::Certificate::parse(crypto::as_bytes(der)));
    chain.push_back(std::move(certificate));
  }
  return chain;
}

types::EntryMask entry_mask() {
  types::EntryMask mask;
  mask.set_spiffe_id(true);
  mask.set_selectors(true);
  mask.set_federates_with(true);
  mask.set_admin(true);
  mask.set_downstream(true);
  mask.set_expires_at(true);
  mask.set_revision_number(true);
  mask.set_store_svid(true);
  mask.set_hint(true);
  mask.set_additional_attributes(true);
  mask.set_created_at(true);
  return mask;
}

}  // namespace signet::agent
