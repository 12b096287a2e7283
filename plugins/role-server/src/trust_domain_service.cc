// spire.api.server.trustdomain.v1.TrustDomain: the relationships with foreign trust domains.
#include "api_status.h"
#include "bundle_conversion.h"
#include "entry_record.h"
#include "federation.h"
#include "google/protobuf/empty.pb.h"
#include "method_registry.h"
#include "service_context.h"
#include "spire/api/server/trustdomain/v1/trustdomain.pb.h"
#include "trust_bundles.h"
#include "trust_domain_relationship.h"

namespace signet::server {
namespace {

namespace api = ::spire::api::server::trustdomain::v1;
namespace types = ::spire::api::types;

using Relationship = types::FederationRelationship;

const types::FederationRelationshipMask* output_mask(const auto& request) {
  return request.has_output_mask() ? &request.output_mask() : nullptr;
}

class TrustDomainService {
 public:
  explicit TrustDomainService(ServiceContext& context)
      : context_(context),
        store_(context.federation->store()),
        poller_(context.federation->poller()) {}

  Status list(CallContext& call, const api::ListFederationRelationshipsRequest& request,
              api::ListFederationRelationshipsResponse& response) {
    constexpr const char* kFailed = "failed to list federation relationships";
    const bool paged = request.page_size() > 0;
    const Result<std::uint64_t> after =
        paged ? parse_page_token(request.page_token()) : std::uint64_t{0};
    if (!after) return api_error(call.host(), Code::kInternal, kFailed, after.status());
    auto page = store_.list(*after, paged ? static_cast<std::uint32_t>(request.page_size()) : 0);
    if (!page) return store_error(call.host(), kFailed, page.status());
    for (Relationship& relationship : page->relationships) {
      add_bundle(relationship);
      apply_mask(relationship, output_mask(request));
      *response.add_federation_relationships() = std::move(relationship);
    }
    if (paged && page->last_row != 0) response.set_next_page_token(std::to_string(page->last_row));
    return {};
  }

  Status get(CallContext& call, const api::GetFederationRelationshipRequest& request,
             Relationship& response) {
    call.audit("trust_domain_id", request.trust_domain());
    const auto domain = TrustDomain::parse_name_or_id(request.trust_domain());
    if (!domain) {
      return api_error(call.host(), Code::kInvalidArgument, "failed to parse trust domain",
                       domain.status());
    }
    auto found = store_.find(domain->name());
    if (!found) {
      return api_error(call.host(), Code::kNotFound, "federation relationship does not exist");
    }
    response = *std::move(found);
    add_bundle(response);
    apply_mask(response, output_mask(request));
    return {};
  }

  Status create(CallContext& call, const api::BatchCreateFederationRelationshipRequest& request,
                api::BatchCreateFederationRelationshipResponse& response) {
    for (const Relationship& given : request.federation_relationships()) {
      put_result(call, given, create_one(call, given), output_mask(request),
                 response.add_results());
    }
    return {};
  }

  Status update(CallContext& call, const api::BatchUpdateFederationRelationshipRequest& request,
                api::BatchUpdateFederationRelationshipResponse& response) {
    const auto* mask = request.has_input_mask() ? &request.input_mask() : nullptr;
    for (const Relationship& given : request.federation_relationships()) {
      put_result(call, given, update_one(call, given, mask), output_mask(request),
                 response.add_results());
    }
    return {};
  }

  Status remove(CallContext& call, const api::BatchDeleteFederationRelationshipRequest& request,
                api::BatchDeleteFederationRelationshipResponse& response) {
    for (const std::string& given : request.trust_domains()) {
      auto* result = response.add_results();
      result->set_trust_domain(given);
      const Status status = remove_one(call, given, result->mutable_trust_domain());
      fill_status(status, result->mutable_status());
      if (call.auditing()) call.audit_item(status, {{"trust_domain_id", given}});
    }
    return {};
  }

  Status refresh(CallContext& call, const api::RefreshBundleRequest& request,
                 google::protobuf::Empty&) {
    call.audit("trust_domain_id", request.trust_domain());
    const auto domain = TrustDomain::parse_name_or_id(request.trust_domain());
    if (!domain) {
      return api_error(call.host(), Code::kInvalidArgument, "failed to parse trust domain",
                       domain.status());
    }
    const Result<bool> done = poller_.refresh(domain->name());
    if (!done) {
      return api_error(call.host(), Code::kInternal, "failed to refresh bundle", done.status());
    }
    if (!*done) {
      return api_error(call.host(), Code::kNotFound,
                       "no relationship with trust domain \"" + domain->name() + "\"");
    }
    return {};
  }

 private:
  void add_bundle(Relationship& relationship) const {
    const BundlePtr bundle = context_.bundles->find(relationship.trust_domain());
    if (bundle) *relationship.mutable_trust_domain_bundle() = bundle->message;
  }

  Result<Relationship> create_one(CallContext& call, const Relationship& given) {
    auto relationship = relationship_from_client(given);
    if (!relationship) {
      return api_error(call.host(), Code::kInvalidArgument,
                       "failed to convert federation relationship", relationship.status());
    }
    if (relationship->trust_domain() == context_.trust_domain().name()) {
      return api_error(call.host(), Code::kInvalidArgument,
                       "unable to create federation relationship for server trust domain");
    }
    Status stored = store_.create(*relationship);
    if (stored.code() == Code::kAlreadyExists) {
      stored = Status::internal(
          "datastore-sql: UNIQUE constraint failed: federated_trust_domains.trust_domain");
    }
    if (!stored.ok()) {
      return store_error(call.host(), "failed to create federation relationship", stored);
    }
    warn_without_bundle(call, *relationship);
    return relationship;
  }

  Result<Relationship> update_one(CallContext& call, const Relationship& given,
                                  const types::FederationRelationshipMask* mask) {
    const auto relationship = relationship_from_client(given);
    if (!relationship) {
      return api_error(call.host(), Code::kInvalidArgument,
                       "failed to convert federation relationship", relationship.status());
    }
    auto stored = store_.update(*relationship, mask);
    if (!stored) {
      const Status why = stored.status().code() == Code::kNotFound
                             ? Status::internal(
                                   "unable to fetch federation relationship: record "
                                   "not found")
                             : stored.status();
      return store_error(call.host(), "failed to update federation relationship", why);
    }
    warn_without_bundle(call, *stored);
    add_bundle(*stored);
    return stored;
  }

  Status remove_one(CallContext& call, const std::string& given, std::string* name) {
    if (given.empty()) {
      return api_error(call.host(), Code::kInvalidArgument, "missing trust domain");
    }
    const auto domain = TrustDomain::parse_name_or_id(given);
    if (!domain) {
      return api_error(call.host(), Code::kInvalidArgument, "failed to parse trust domain",
                       domain.status());
    }
    *name = domain->name();
    const Status removed = store_.remove(domain->name());
    if (removed.code() == Code::kNotFound) {
      return api_error(call.host(), Code::kNotFound, "federation relationship not found");
    }
    if (removed.ok()) return {};
    return store_error(call.host(), "failed to delete federation relationship", removed);
  }

  // The endpoint's SVID cannot be verified without the bundle of its trust domain.
  void warn_without_bundle(CallContext& call, const Relationship& relationship) const {
    if (!relationship.has_https_spiffe()) return;
    const auto id = SpiffeId::parse(relationship.https_spiffe().endpoint_spiffe_id());
    if (!id || context_.bundles->find(id->trust_domain_name())) return;
    call.host().warn("Bundle not found for the endpoint SPIFFE ID trust domain",
                     {{"endpoint_spiffe_id", id->to_string()},
                      {"trust_domain_id", relationship.trust_domain()}});
  }

  template <typename ItemResult>
  void put_result(CallContext& call, const Relationship& given, Result<Relationship> outcome,
                  const types::FederationRelationshipMask* mask, ItemResult* result) {
    const Status status = outcome.status();
    fill_status(status, result->mutable_status());
    if (outcome) {
      apply_mask(*outcome, mask);
      *result->mutable_federation_relationship() = *std::move(outcome);
    }
    if (!call.auditing()) return;
    call.audit_item(status, {{"trust_domain_id", given.trust_domain()},
                             {"bundle_endpoint_url", given.bundle_endpoint_url()},
                             {"bundle_endpoint_profile", given.has_https_spiffe() ? "https_spiffe"
                                                         : given.has_https_web()  ? "https_web"
                                                                                  : ""},
                             {"endpoint_spiffe_id", given.https_spiffe().endpoint_spiffe_id()}});
  }

  ServiceContext& context_;
  FederationStore& store_;
  FederationPoller& poller_;
};

}  // namespace

void register_trust_domain_service(MethodRegistry& methods, ServiceContext& context) {
  const auto s = std::make_shared<TrustDomainService>(context);
  const std::string prefix = "/spire.api.server.trustdomain.v1.TrustDomain/";
  methods.unary(prefix + "ListFederationRelationships", bind(s, &TrustDomainService::list));
  methods.unary(prefix + "GetFederationRelationship", bind(s, &TrustDomainService::get));
  methods.unary(prefix + "BatchCreateFederationRelationship", bind(s, &TrustDomainService::create));
  methods.unary(prefix + "BatchUpdateFederationRelationship", bind(s, &TrustDomainService::update));
  methods.unary(prefix + "BatchDeleteFederationRelationship", bind(s, &TrustDomainService::remove));
  methods.unary(prefix + "RefreshBundle", bind(s, &TrustDomainService::refresh));
}

}  // namespace signet::server
