// The SVID service, tokens: JWT-SVIDs and WIT-SVIDs.
#include <algorithm>

#include "api_id.h"
#include "api_status.h"
#include "authorities.h"
#include "jwt/svid.h"
#include "jwt/wit.h"
#include "method_registry.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "spire/api/types/entry.pb.h"
#include "svid_service.h"

namespace signet::server {
namespace {

namespace api = spire::api::server::svid::v1;
namespace types = spire::api::types;

constexpr std::chrono::hours kDefaultWitTtl{1};

// ---- JWT-SVIDs

Status sign_jwt_svid(CallContext& call, const types::SPIFFEID* api_id,
                     const google::protobuf::RepeatedPtrField<std::string>& audience,
                     std::chrono::seconds ttl, bool with_jti, types::JWTSVID* out) {
  const Host& host = call.host();
  const ServiceContext& services = call.services();
  const auto id = workload_id_from_api(services.trust_domain(), api_id);
  if (!id) {
    return api_error(host, Code::kInvalidArgument, "invalid SPIFFE ID", id.status());
  }
  if (audience.empty()) {
    return api_error(host, Code::kInvalidArgument, "at least one audience is required");
  }
  const TokenAuthorityPtr authority = services.authorities->jwt();
  if (!authority) {
    return api_error(host, Code::kInternal, "failed to sign JWT-SVID",
                     Status::unavailable("JWT key is not available for signing"));
  }
  const std::int64_t now = host.unix_seconds();
  const std::int64_t expires_at = std::min<std::int64_t>(now + ttl.count(), authority->not_after);
  const auto token = jwt::mint_svid({.spiffe_id = *id,
                                     .audience = {audience.begin(), audience.end()},
                                     .issued_at = x509::from_unix(now),
                                     .expires_at = x509::from_unix(expires_at),
                                     .issuer = services.config->jwt_issuer,
                                     .jti = with_jti ? jwt::new_jti() : std::string(),
                                     .extra_claims_json = {}},
                                    authority->authority_id, *authority->signer);
  if (!token) return api_error(host, Code::kInternal, "failed to sign JWT-SVID", token.status());
  id_to_api(*id, out->mutable_id());
  out->set_token(*token);
  out->set_issued_at(now);
  out->set_expires_at(expires_at);
  if (call.auditing()) {
    call.audit("spiffe_id", id->to_string());
    call.audit("ttl", std::to_string(ttl.count()));
    call.audit("expires_at", std::to_string(expires_at));
  }
  host.count("server_ca.sign.jwt_svid");
  return {};
}

Status mint_jwt_svid(CallContext& call, const api::MintJWTSVIDRequest& request,
                     api::MintJWTSVIDResponse& response) {
  if (call.services().config->disable_jwt_svids) {
    return api_error(call.host(), Code::kUnimplemented, "JWT functionality is disabled");
  }
  call.audit_all("audience", request.audience());
  return sign_jwt_svid(call, request.has_id() ? &request.id() : nullptr, request.audience(),
                       ttl_or(request.ttl(), call.services().config->jwt_svid_ttl), false,
                       response.mutable_svid());
}

Status new_jwt_svid(CallContext& call, const api::NewJWTSVIDRequest& request,
                    api::NewJWTSVIDResponse& response) {
  call.audit("entry_id", request.entry_id());
  call.audit_all("audience", request.audience());
  if (call.services().config->disable_jwt_svids) {
    return api_error(call.host(), Code::kUnimplemented, "JWT functionality is disabled");
  }
  const EntryPtr entry =
      call.services().entries->authorized_entry(call.caller_id().to_string(), request.entry_id());
  if (!entry) {
    return api_error(call.host(), Code::kNotFound, "entry not found or not authorized");
  }
  return sign_jwt_svid(call, &entry->spiffe_id(), request.audience(),
                       ttl_or(entry->jwt_svid_ttl(), call.services().config->jwt_svid_ttl),
                       entry->additional_attributes().jwt_svid_include_jti(),
                       response.mutable_svid());
}

// ---- WIT-SVIDs

// The holder's key and its algorithm. what: "invalid public key" or "malformed public key".
Result<crypto::PublicKey> holder_key(CallContext& call, const std::string& spki,
                                     const std::string& algorithm, const char* what) {
  const Host& host = call.host();
  auto key = crypto::PublicKey::from_spki(crypto::as_bytes(spki));
  if (!key && !has_reason(key.status(), "unsupported")) {
    return api_error(host, Code::kInvalidArgument, what, key.status());
  }
  const Status fits = key ? jwt::check_confirmation(*key, algorithm) : key.status();
  if (!fits.ok()) {
    return api_error(host, Code::kInvalidArgument, "invalid signing algorithm or key type", fits);
  }
  return key;
}

Status sign_wit_svid(CallContext& call, const SpiffeId& id, const crypto::PublicKey& key,
                     const std::string& algorithm, std::chrono::seconds ttl, types::WITSVID* out) {
  const Host& host = call.host();
  const TokenAuthorityPtr authority = call.services().authorities->wit();
  if (!authority) {
    return api_error(host, Code::kInternal, "failed to sign WIT-SVID",
                     Status::unavailable("WIT key is not available for signing"));
  }
  const std::int64_t now = host.unix_seconds();
  const std::int64_t expires_at = std::min<std::int64_t>(now + ttl.count(), authority->not_after);
  const auto token = jwt::mint_wit({.spiffe_id = id,
                                    .key = key,
                                    .algorithm = algorithm,
                                    .issued_at = x509::from_unix(now),
                                    .expires_at = x509::from_unix(expires_at),
                                    .issuer = call.services().config->wit_issuer},
                                   authority->authority_id, *authority->signer);
  if (!token) return api_error(host, Code::kInternal, "failed to sign WIT-SVID", token.status());
  id_to_api(id, out->mutable_id());
  out->set_token(*token);
  out->set_issued_at(now);
  out->set_expires_at(expires_at);
  host.count("server_ca.sign.wit_svid");
  return {};
}

Status mint_wit_svid(CallContext& call, const api::MintWITSVIDRequest& request,
                     api::MintWITSVIDResponse& response) {
  const Host& host = call.host();
  const ServiceContext& services = call.services();
  if (call.auditing()) {
    call.audit("public_key", hash_of(request.public_key()));
    call.audit("ttl", std::to_string(request.ttl()));
  }
  if (!services.config->wit_svids) {
    return api_error(host, Code::kUnimplemented, "WIT functionality is disabled");
  }
  const auto id =
      workload_id_from_api(services.trust_domain(), request.has_id() ? &request.id() : nullptr);
  if (!id) return api_error(host, Code::kInvalidArgument, "invalid SPIFFE ID", id.status());
  call.audit("spiffe_id", id->to_string());
  SIGNET_TRY(
      const crypto::PublicKey key,
      holder_key(call, request.public_key(), request.signing_algorithm(), "invalid public key"));
  SIGNET_RETURN_IF_ERROR(sign_wit_svid(call, *id, key, request.signing_algorithm(),
                                       ttl_or(request.ttl(), kDefaultWitTtl),
                                       response.mutable_svid()));
  call.audit("expires_at", std::to_string(response.svid().expires_at()));
  return {};
}

Status new_wit_svid(CallContext& call, const api::NewWITSVIDParams& params, types::WITSVID* out) {
  const Host& host = call.host();
  if (params.entry_id().empty()) {
    return api_error(host, Code::kInvalidArgument, "missing entry ID");
  }
  if (params.public_key().empty()) {
    return api_error(host, Code::kInvalidArgument, "missing public key");
  }
  const EntryPtr entry =
      call.services().entries->authorized_entry(call.caller_id().to_string(), params.entry_id());
  if (!entry) {
    return api_error(host, Code::kNotFound, "entry not found or not authorized");
  }
  SIGNET_TRY(
      const crypto::PublicKey key,
      holder_key(call, params.public_key(), params.signing_algorithm(), "malformed public key"));
  const auto id = workload_id_from_api(call.services().trust_domain(), &entry->spiffe_id());
  if (!id) {
    return api_error(host, Code::kInternal, "entry has malformed SPIFFE ID", id.status());
  }
  return sign_wit_svid(call, *id, key, params.signing_algorithm(),
                       ttl_or(entry->x509_svid_ttl(), kDefaultWitTtl), out);
}

Status batch_new_wit_svid(CallContext& call, const api::BatchNewWITSVIDRequest& request,
                          api::BatchNewWITSVIDResponse& response) {
  if (request.params().empty()) {
    return api_error(call.host(), Code::kInvalidArgument, "missing parameters");
  }
  for (const api::NewWITSVIDParams& params : request.params()) {
    auto* result = response.add_results();
    types::WITSVID svid;
    const Status status = new_wit_svid(call, params, &svid);
    if (status.ok()) {
      *result->mutable_svid() = std::move(svid);  // and no status, as the peer
    } else {
      fill_status(status, result->mutable_status());
    }
    if (call.auditing()) {
      AuditFields fields = {{"entry_id", params.entry_id()}};
      if (status.ok()) {
        fields.emplace_back("expires_at", std::to_string(result->svid().expires_at()));
      }
      call.audit_item(status, fields);
    }
  }
  return {};
}

}  // namespace

void register_svid_tokens(MethodRegistry& methods) {
  const std::string prefix = "/spire.api.server.svid.v1.SVID/";
  methods.unary(prefix + "MintJWTSVID", mint_jwt_svid);
  methods.unary(prefix + "NewJWTSVID", new_jwt_svid);
  methods.unary(prefix + "MintWITSVID", mint_wit_svid);
  methods.unary(prefix + "BatchNewWITSVID", batch_new_wit_svid);
}

}  // namespace signet::server
