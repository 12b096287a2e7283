#include "delegated_answer.h"

#include "crypto/bytes.h"
#include "message_keys.h"
#include "refusals.h"
#include "sorted_blob.h"
#include "spire/api/agent/delegatedidentity/v1/delegatedidentity.pb.h"
#include "x509/certificate.h"

namespace signet::agent {
namespace {

namespace api = ::spire::api::agent::delegatedidentity::v1;
namespace types = ::spire::api::types;

constexpr int kMaxSelectors = 1024;
constexpr std::size_t kMaxSelectorBytes = 128 * 1024;

// Those are the server's own business: no workload gets them through a delegate.
bool withheld(const Entry& entry) { return entry.admin || entry.downstream; }

void fill_id(const SpiffeId& id, types::SPIFFEID* out) {
  out->set_trust_domain(std::string(id.trust_domain_name()));
  out->set_path(std::string(id.path()));
}

template <typename Map>
void fill_bundles(const WorkloadUpdate& all, std::string BundleData::*form, Map& map) {
  map[all.bundle->trust_domain.id_string()] = (*all.bundle).*form;
  for (const auto& [name, bundle] : all.federated) {
    map[bundle->trust_domain.id_string()] = (*bundle).*form;
  }
}

Status add_svid(const Identity& identity, api::SubscribeToX509SVIDsResponse& response,
                MessageKeys& keys) {
  SIGNET_TRY(const auto chain,
             x509::Certificate::parse_concatenated(crypto::as_bytes(identity.svid->chain)));
  api::X509SVIDWithKey* out = response.add_x509_svids();
  types::X509SVID* svid = out->mutable_x509_svid();
  fill_id(identity.entry->spiffe_id, svid->mutable_id());
  for (const auto& certificate : chain) svid->add_cert_chain(crypto::to_string(certificate.der()));
  svid->set_expires_at(identity.svid->not_after);
  svid->set_hint(identity.entry->hint);
  identity.svid->key.open(
      [&](std::string_view key) { keys.put(*out->mutable_x509_svid_key(), key); });
  return {};
}

}  // namespace

Result<SelectorSet> read_delegated_selectors(
    const google::protobuf::RepeatedPtrField<types::Selector>& given) {
  std::size_t bytes = 0;
  for (const types::Selector& one : given) bytes += one.type().size() + one.value().size();
  if (given.size() > kMaxSelectors || bytes > kMaxSelectorBytes) {
    return Status::resource_exhausted("more than " + std::to_string(kMaxSelectors) +
                                      " selectors, or " + std::to_string(kMaxSelectorBytes) +
                                      " bytes of them");
  }
  SelectorSet set;
  set.reserve(static_cast<std::size_t>(given.size()));
  for (const types::Selector& one : given) {
    Selector selector{one.type(), one.value()};
    if (!selector.check().ok()) {
      return Status::invalid_argument("could not parse provided selectors");
    }
    set.push_back(std::move(selector));
  }
  normalise(set);
  return set;
}

Result<Blob> delegated_x509_svid_answer(const Host& host, const WorkloadUpdate& update) {
  api::SubscribeToX509SVIDsResponse response;
  MessageKeys keys;
  for (const auto& [name, bundle] : update.federated) {  // in the order of their names
    response.add_federates_with(bundle->trust_domain.id_string());
  }
  Status status;
  for (const Identity& identity : update.identities) {
    if (!withheld(*identity.entry)) status = add_svid(identity, response, keys);
    if (!status.ok()) break;
  }
  if (status.ok()) return sorted_blob(host, response, true);
  host.log_status(LogLevel::kError, "Could not serialize X.509 SVID response", status);
  return Status::internal("could not serialize response");
}

Blob delegated_x509_bundles_answer(const Host& host, const WorkloadUpdate& all) {
  api::SubscribeToX509BundlesResponse response;
  fill_bundles(all, &BundleData::x509_der, *response.mutable_ca_certificates());
  return sorted_blob(host, response);
}

Blob delegated_jwt_bundles_answer(const Host& host, const WorkloadUpdate& all) {
  api::SubscribeToJWTBundlesResponse response;
  fill_bundles(all, &BundleData::jwks, *response.mutable_bundles());
  return sorted_blob(host, response);
}

Result<Blob> delegated_jwt_answer(const Host& host, const WorkloadUpdate& update,
                                  const std::vector<std::string>& audience, JwtSource& jwt,
                                  std::int64_t deadline_ns) {
  api::FetchJWTSVIDsResponse response;
  for (const EntryPtr& entry : update.entries) {
    if (withheld(*entry)) continue;
    const Result<JwtSvidPtr> token = jwt.fetch(*entry, audience, deadline_ns);
    if (!token) {
      host.log_status(LogLevel::kError, "Could not fetch JWT-SVID", token.status());
      return Status::unavailable("could not fetch JWT-SVID: " + token.status().message());
    }
    types::JWTSVID* svid = response.add_svids();
    svid->set_token((*token)->token);
    fill_id(entry->spiffe_id, svid->mutable_id());
    svid->set_expires_at((*token)->expires_at);
    svid->set_issued_at((*token)->issued_at);
    svid->set_hint(entry->hint);
  }
  if (!response.svids().empty()) return host.blob_of(response);
  host.error("No identity issued");
  return no_identity();
}

}  // namespace signet::agent
