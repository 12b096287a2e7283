// spire.api.server.bundle.v1.Bundle: our own bundle, which agents poll, and those of foreign
// trust domains.
#include "agent_records.h"
#include "api_status.h"
#include "authorities.h"
#include "bundle_conversion.h"
#include "entry_record.h"
#include "federated_bundles.h"
#include "method_registry.h"
#include "service_context.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "trust_bundles.h"

namespace signet::server {
namespace {

namespace api = ::spire::api::server::bundle::v1;
namespace types = ::spire::api::types;

const types::BundleMask* output_mask(const auto& request) {
  return request.has_output_mask() ? &request.output_mask() : nullptr;
}

class BundleService {
 public:
  explicit BundleService(ServiceContext& context)
      : context_(context),
        federated_(*context.datastore, *context.changes, *context.bundles, *context.entry_store) {}

  Status count(CallContext&, const api::CountBundlesRequest&, api::CountBundlesResponse& response) {
    response.set_count(static_cast<int32_t>(context_.bundles->count()));
    return {};
  }

  Status get(CallContext& call, const api::GetBundleRequest& request, types::Bundle& response) {
    call.audit("trust_domain_id", call.services().trust_domain().name());
    const BundlePtr own = context_.bundles->own();
    if (!own) return api_error(call.host(), Code::kNotFound, "bundle not found");
    response = own->message;
    apply_mask(response, output_mask(request));
    const bool whole = !request.has_output_mask() || (request.output_mask().x509_authorities() &&
                                                      request.output_mask().jwt_authorities());
    if (whole && call.caller().identity) {
      context_.agents->gave_bundle(call.caller_id().to_string(), own->revision,
                                   call.host().monotonic_ns());
    }
    return {};
  }

  Status append(CallContext& call, const api::AppendBundleRequest& request,
                types::Bundle& response) {
    // Without WIT-SVIDs such authorities are not looked at, as in SPIRE.
    const WitAuthorities none;
    const WitAuthorities& wit_given =
        call.services().config->wit_svids ? request.wit_authorities() : none;
    if (request.x509_authorities().empty() && request.jwt_authorities().empty() &&
        wit_given.empty()) {
      return api_error(call.host(), Code::kInvalidArgument, "no authorities to append");
    }
    const auto jwt = keys_from_api(request.jwt_authorities());
    if (!jwt) {
      return api_error(call.host(), Code::kInvalidArgument, "failed to convert JWT authority",
                       jwt.status());
    }
    const auto x509 = x509_authorities_from_api(request.x509_authorities());
    if (!x509) {
      return api_error(call.host(), Code::kInvalidArgument, "failed to convert X.509 authority",
                       x509.status());
    }
    const auto wit = keys_from_api(wit_given);
    if (!wit) {
      return api_error(call.host(), Code::kInvalidArgument, "failed to convert WIT authority",
                       wit.status());
    }
    const Status changed = context_.bundles->change_own([&](types::Bundle& bundle) -> Result<bool> {
      const bool added = append_authorities(bundle, *x509, *jwt, *wit);
      response = bundle;
      if (added) response.set_sequence_number(bundle.sequence_number() + 1);
      return added;
    });
    if (!changed.ok()) return store_error(call.host(), "failed to append bundle", changed);
    apply_mask(response, output_mask(request));
    return {};
  }

  Status publish_jwt(CallContext& call, const api::PublishJWTAuthorityRequest& request,
                     api::PublishJWTAuthorityResponse& response) {
    SIGNET_TRY(*response.mutable_jwt_authorities(),
               publish(call, "JWT", "jwt_authority_key_id", request.has_jwt_authority(),
                       request.jwt_authority()));
    return {};
  }

  Status publish_wit(CallContext& call, const api::PublishWITAuthorityRequest& request,
                     api::PublishWITAuthorityResponse& response) {
    if (!call.services().config->wit_svids) {  // in SPIRE's words, which never implements it
      return api_error(call.host(), Code::kUnimplemented,
                       "WIT-SVID functionality is not yet implemented");
    }
    SIGNET_TRY(*response.mutable_wit_authorities(),
               publish(call, "WIT", "wit_authority_key_id", request.has_wit_authority(),
                       request.wit_authority()));
    return {};
  }

  Status list(CallContext& call, const api::ListFederatedBundlesRequest& request,
              api::ListFederatedBundlesResponse& response) {
    const bool paged = request.page_size() > 0;
    Result<uint64_t> after = paged ? parse_page_token(request.page_token()) : uint64_t{0};
    if (!after)
      return api_error(call.host(), Code::kInternal, "failed to list bundles", after.status());
    Result<FederatedBundles::Page> page =
        federated_.list(*after, paged ? static_cast<uint32_t>(request.page_size()) : 0);
    if (!page) return store_error(call.host(), "failed to list bundles", page.status());
    for (types::Bundle& bundle : page->bundles) {
      if (bundle.trust_domain() == context_.trust_domain().name()) continue;
      apply_mask(bundle, output_mask(request));
      *response.add_bundles() = std::move(bundle);
    }
    if (paged && page->last_row != 0) response.set_next_page_token(std::to_string(page->last_row));
    return {};
  }

  Status get_federated(CallContext& call, const api::GetFederatedBundleRequest& request,
                       types::Bundle& response) {
    call.audit("trust_domain_id", request.trust_domain());
    const auto domain = TrustDomain::parse_name_or_id(request.trust_domain());
    if (!domain) {
      return api_error(call.host(), Code::kInvalidArgument, "trust domain argument is not valid",
                       domain.status());
    }
    if (*domain == context_.trust_domain()) {
      return api_error(
          call.host(), Code::kInvalidArgument,
          "getting a federated bundle for the server's own trust domain is not allowed");
    }
    const BundlePtr bundle = context_.bundles->find(domain->name());
    if (!bundle) return api_error(call.host(), Code::kNotFound, "bundle not found");
    response = bundle->message;
    apply_mask(response, output_mask(request));
    return {};
  }

  Status create(CallContext& call, const api::BatchCreateFederatedBundleRequest& request,
                api::BatchCreateFederatedBundleResponse& response) {
    return each(call, request, response, "creating", [&](types::Bundle& bundle) {
      const Status status = federated_.create(bundle);
      if (status.code() == Code::kAlreadyExists) {
        return api_error(call.host(), Code::kAlreadyExists, "bundle already exists");
      }
      return status.ok() ? status : store_error(call.host(), "unable to create bundle", status);
    });
  }

  Status set(CallContext& call, const api::BatchSetFederatedBundleRequest& request,
             api::BatchSetFederatedBundleResponse& response) {
    return each(call, request, response, "setting", [&](types::Bundle& bundle) {
      const Status status = federated_.set(bundle);
      return status.ok() ? status : store_error(call.host(), "failed to set bundle", status);
    });
  }

  Status update(CallContext& call, const api::BatchUpdateFederatedBundleRequest& request,
                api::BatchUpdateFederatedBundleResponse& response) {
    const types::BundleMask* mask = request.has_input_mask() ? &request.input_mask() : nullptr;
    return each(call, request, response, "updating", [&](types::Bundle& bundle) {
      Result<types::Bundle> stored = federated_.update(bundle, mask);
      if (stored) {
        bundle = std::move(*stored);
        return Status();
      }
      return stored.status().code() == Code::kNotFound
                 ? api_error(call.host(), Code::kNotFound, "bundle not found")
                 : store_error(call.host(), "failed to update bundle", stored.status());
    });
  }

  Status remove(CallContext& call, const api::BatchDeleteFederatedBundleRequest& request,
                api::BatchDeleteFederatedBundleResponse& response) {
    FederatedBundles::OnDelete mode = FederatedBundles::OnDelete::kRestrict;
    switch (request.mode()) {
      case api::BatchDeleteFederatedBundleRequest::RESTRICT:
        break;
      case api::BatchDeleteFederatedBundleRequest::DELETE:
        mode = FederatedBundles::OnDelete::kDeleteEntries;
        break;
      case api::BatchDeleteFederatedBundleRequest::DISSOCIATE:
        mode = FederatedBundles::OnDelete::kDissociate;
        break;
      default:
        return api_error(call.host(), Code::kInvalidArgument, "failed to parse deletion mode",
                         Status::invalid_argument("unhandled delete mode \"" +
                                                  std::to_string(request.mode()) + "\""));
    }
    for (const std::string& name : request.trust_domains()) {
      auto* result = response.add_results();
      result->set_trust_domain(name);
      const Status status = remove_one(call, name, mode);
      fill_status(status, result->mutable_status());
      if (call.auditing()) {
        call.audit_item(
            status, {{"trust_domain_id", name},
                     {"mode", api::BatchDeleteFederatedBundleRequest::Mode_Name(request.mode())}});
      }
    }
    return {};
  }

 private:
  // kind   "JWT", as the refusals say it
  template <typename Key>
  Result<google::protobuf::RepeatedPtrField<Key>> publish(CallContext& call,
                                                          const std::string& kind,
                                                          const char* audit_field, bool given,
                                                          const Key& authority) {
    if (!given) {
      return api_error(call.host(), Code::kInvalidArgument, "missing " + kind + " authority");
    }
    call.audit(audit_field, authority.key_id());
    const auto key = keys_from_api(only(authority));
    if (!key) {
      return api_error(call.host(), Code::kInvalidArgument, "invalid " + kind + " authority",
                       key.status());
    }
    auto all = context_.authorities->publish(key->Get(0));
    if (!all) {
      return api_error(call.host(), Code::kInternal, "failed to publish " + kind + " key",
                       all.status());
    }
    return all;
  }

  // Checks each bundle of a batch, lets `write` store it (and say what is stored), and fills in
  // one result. `doing`: "creating", as the refusal of our own trust domain says it.
  template <typename Request, typename Response, typename Write>
  Status each(CallContext& call, const Request& request, Response& response,
              const std::string& doing, Write&& write) {
    for (const types::Bundle& given : request.bundle()) {
      auto* result = response.add_results();
      types::Bundle bundle;
      const Status status = write_one(call, given, doing, bundle, write);
      fill_status(status, result->mutable_status());
      if (status.ok()) {
        apply_mask(bundle, output_mask(request));
        *result->mutable_bundle() = std::move(bundle);
      }
      if (call.auditing()) call.audit_item(status, {{"trust_domain_id", given.trust_domain()}});
    }
    return {};
  }
  template <typename Write>
  Status write_one(CallContext& call, const types::Bundle& given, const std::string& doing,
                   types::Bundle& bundle, Write&& write) {
    const auto domain = TrustDomain::parse_name_or_id(given.trust_domain());
    if (!domain) {
      return api_error(call.host(), Code::kInvalidArgument, "trust domain argument is not valid",
                       domain.status());
    }
    if (*domain == context_.trust_domain()) {
      return api_error(
          call.host(), Code::kInvalidArgument,
          doing + " a federated bundle for the server's own trust domain is not allowed");
    }
    Result<types::Bundle> converted = bundle_from_client(given);
    if (!converted) {
      return api_error(call.host(), Code::kInvalidArgument, "failed to convert bundle",
                       converted.status());
    }
    bundle = std::move(*converted);
    return write(bundle);
  }

  Status remove_one(CallContext& call, const std::string& name, FederatedBundles::OnDelete mode) {
    const auto domain = TrustDomain::parse_name_or_id(name);
    if (!domain) {
      return api_error(call.host(), Code::kInvalidArgument, "trust domain argument is not valid",
                       domain.status());
    }
    if (*domain == context_.trust_domain()) {
      return api_error(call.host(), Code::kInvalidArgument,
                       "removing the bundle for the server trust domain is not allowed");
    }
    Status status = federated_.remove(domain->name(), mode);
    if (status.ok()) return status;
    if (status.code() == Code::kNotFound)
      return api_error(call.host(), Code::kNotFound, "bundle not found");
    return api_error(call.host(), status.code(), "failed to delete federated bundle", status);
  }

  ServiceContext& context_;
  FederatedBundles federated_;
};

}  // namespace

void register_bundle_service(MethodRegistry& methods, ServiceContext& context) {
  const auto s = std::make_shared<BundleService>(context);
  const std::string prefix = "/spire.api.server.bundle.v1.Bundle/";
  methods.unary(prefix + "CountBundles", bind(s, &BundleService::count));
  methods.unary(prefix + "GetBundle", bind(s, &BundleService::get));
  methods.unary(prefix + "AppendBundle", bind(s, &BundleService::append));
  methods.unary(prefix + "PublishJWTAuthority", bind(s, &BundleService::publish_jwt));
  methods.unary(prefix + "PublishWITAuthority", bind(s, &BundleService::publish_wit));
  methods.unary(prefix + "ListFederatedBundles", bind(s, &BundleService::list));
  methods.unary(prefix + "GetFederatedBundle", bind(s, &BundleService::get_federated));
  methods.unary(prefix + "BatchCreateFederatedBundle", bind(s, &BundleService::create));
  methods.unary(prefix + "BatchUpdateFederatedBundle", bind(s, &BundleService::update));
  methods.unary(prefix + "BatchSetFederatedBundle", bind(s, &BundleService::set));
  methods.unary(prefix + "BatchDeleteFederatedBundle", bind(s, &BundleService::remove));
}

}  // namespace signet::server
