#include "trust_domain_relationship.h"

#include <algorithm>

#include "signet/spiffe_id.h"

#include "bundle_conversion.h"
#include "http/url.h"

namespace signet::server {

namespace types = ::spire::api::types;

Status check_endpoint_url(std::string_view url) {
  const Status status = http::check_https_url(url);
  if (status.ok()) return {};
  const auto& fields = status.fields();
  if (std::any_of(fields.begin(), fields.end(), [](const auto& f) { return f.second == "syntax"; }))
    return status.prefixed("failed to parse bundle endpoint URL");
  return Status::invalid_argument("bundle endpoint URL " + status.message());
}

namespace {

Status check_profile(const types::FederationRelationship& relationship) {
  if (relationship.has_https_web()) return {};
  if (!relationship.has_https_spiffe()) {
    return Status::invalid_argument("unsupported bundle endpoint profile type: <nil>");
  }
  const auto id = SpiffeId::parse(relationship.https_spiffe().endpoint_spiffe_id());
  return id ? Status() : id.status().prefixed("failed to parse endpoint SPIFFE ID");
}

}  // namespace

Result<types::FederationRelationship> relationship_from_client(
    const types::FederationRelationship& given) {
  const auto domain = TrustDomain::parse_name_or_id(given.trust_domain());
  if (!domain) return domain.status().prefixed("failed to parse trust domain");
  SIGNET_RETURN_IF_ERROR(check_endpoint_url(given.bundle_endpoint_url()));
  SIGNET_RETURN_IF_ERROR(check_profile(given));
  types::FederationRelationship relationship = given;
  relationship.set_trust_domain(domain->name());
  relationship.mutable_bundle_endpoint_url()->replace(0, 5, "https");  // it may be in capitals
  if (given.has_trust_domain_bundle()) {
    auto bundle = bundle_from_client(given.trust_domain_bundle());
    if (!bundle) return bundle.status().prefixed("failed to parse bundle");
    if (bundle->trust_domain() != domain->name()) {
      return Status::invalid_argument("trust domain bundle (\"" +
                                      given.trust_domain_bundle().trust_domain() +
                                      "\") must match the trust domain of the federation "
                                      "relationship (\"" +
                                      domain->name() + "\")");
    }
    *relationship.mutable_trust_domain_bundle() = *std::move(bundle);
  }
  return relationship;
}

void apply_mask(types::FederationRelationship& relationship,
                const types::FederationRelationshipMask* mask) {
  if (mask == nullptr) return;
  if (!mask->bundle_endpoint_url()) relationship.clear_bundle_endpoint_url();
  if (!mask->bundle_endpoint_profile()) relationship.clear_bundle_endpoint_profile();
  if (!mask->trust_domain_bundle()) relationship.clear_trust_domain_bundle();
}

}  // namespace signet::server
