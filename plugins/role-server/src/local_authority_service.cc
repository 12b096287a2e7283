// spire.api.server.localauthority.v1.LocalAuthority: the life of this server's authorities by hand.
// What is allowed when, and in which words it is refused, is in authorities_by_hand.cc.
#include <type_traits>

#include "api_status.h"
#include "authorities.h"
#include "method_registry.h"
#include "service_context.h"
#include "spire/api/server/localauthority/v1/localauthority.pb.h"

namespace signet::server {
namespace {

namespace api = spire::api::server::localauthority::v1;

void fill(const AuthorityInfo& info, api::AuthorityState* out) {
  out->set_authority_id(info.authority_id);
  out->set_expires_at(info.expires_at);
  out->set_upstream_authority_subject_key_id(info.upstream_authority_id);
}

Status told(CallContext& call, const Status& status) {
  return api_error(call.host(), status.code(), status.message());
}

template <AuthorityType kType>
Status switched_on(CallContext& call) {
  const ServerConfig& config = *call.services().config;
  if (kType == AuthorityType::kJwt && config.disable_jwt_svids) {
    return api_error(call.host(), Code::kUnimplemented, "JWT functionality is disabled");
  }
  if (kType == AuthorityType::kWit && !config.wit_svids) {
    return api_error(call.host(), Code::kUnimplemented,
                     "WIT-SVID functionality is not yet implemented");
  }
  return {};
}

template <AuthorityType kType, typename Req, typename Resp>
Status get_state(CallContext& call, const Req&, Resp& response) {
  SIGNET_RETURN_IF_ERROR(switched_on<kType>(call));
  const auto state = call.services().authorities->state(kType);
  if (!state) return told(call, state.status());
  if (state->active) fill(*state->active, response.mutable_active());
  if (state->prepared) fill(*state->prepared, response.mutable_prepared());
  if (state->old) fill(*state->old, response.mutable_old());
  return {};
}

template <AuthorityType kType, typename Req, typename Resp>
Status prepare(CallContext& call, const Req&, Resp& response) {
  SIGNET_RETURN_IF_ERROR(switched_on<kType>(call));
  const auto prepared = call.services().authorities->prepare(kType);
  if (!prepared) return told(call, prepared.status());
  call.audit("local_authority_id", prepared->authority_id);
  fill(*prepared, response.mutable_prepared_authority());
  return {};
}

// What kFn of Authorities gives for the authority of the request.
template <AuthorityType kType, auto kFn, typename Req>
auto by_id(CallContext& call, const Req& request)
    -> std::invoke_result_t<decltype(kFn), Authorities&, AuthorityType, const std::string&> {
  call.audit("local_authority_id", request.authority_id());
  SIGNET_RETURN_IF_ERROR(switched_on<kType>(call));
  auto done = (call.services().authorities->*kFn)(kType, request.authority_id());
  if (!done) return told(call, done.status());
  return done;
}

template <AuthorityType kType, typename Req, typename Resp>
Status activate(CallContext& call, const Req& request, Resp& response) {
  SIGNET_TRY(const auto done, (by_id<kType, &Authorities::activate>(call, request)));
  if (call.auditing()) {
    call.audit("agents_lacking", std::to_string(done.lacking.agents));
    call.audit("servers_lacking", std::to_string(done.lacking.servers));
  }
  fill(done.authority, response.mutable_activated_authority());
  return {};
}

template <AuthorityType kType, typename Req, typename Resp>
Status taint(CallContext& call, const Req& request, Resp& response) {
  SIGNET_TRY(const AuthorityInfo tainted, (by_id<kType, &Authorities::taint>(call, request)));
  call.host().info("Authority tainted", {{"local_authority_id", request.authority_id()}});
  fill(tainted, response.mutable_tainted_authority());
  return {};
}

template <AuthorityType kType, typename Req, typename Resp>
Status revoke(CallContext& call, const Req& request, Resp& response) {
  SIGNET_TRY(const AuthorityInfo revoked, (by_id<kType, &Authorities::revoke>(call, request)));
  call.host().info("Authority revoked", {{"local_authority_id", request.authority_id()}});
  fill(revoked, response.mutable_revoked_authority());
  return {};
}

template <Result<std::string> (Authorities::*kFn)(const std::string&), typename Req, typename Resp>
Status upstream(CallContext& call, const Req& request, Resp& response) {
  call.audit("subject_key_id", request.subject_key_id());
  const auto id = (call.services().authorities->*kFn)(request.subject_key_id());
  if (!id) return told(call, id.status());
  response.set_upstream_authority_subject_key_id(*id);
  return {};
}

}  // namespace

void register_local_authority_service(MethodRegistry& methods, ServiceContext&) {
  const std::string prefix = "/spire.api.server.localauthority.v1.LocalAuthority/";
  constexpr auto kX509 = AuthorityType::kX509;
  constexpr auto kJwt = AuthorityType::kJwt;
  constexpr auto kWit = AuthorityType::kWit;
  const auto add = [&]<typename Req, typename Resp>(const char* name,
                                                    Status (*fn)(CallContext&, const Req&, Resp&)) {
    methods.unary(prefix + name, fn);
  };
  using namespace spire::api::server::localauthority::v1;  // NOLINT: a table of its messages
  add("GetX509AuthorityState",
      get_state<kX509, GetX509AuthorityStateRequest, GetX509AuthorityStateResponse>);
  add("PrepareX509Authority",
      prepare<kX509, PrepareX509AuthorityRequest, PrepareX509AuthorityResponse>);
  add("ActivateX509Authority",
      activate<kX509, ActivateX509AuthorityRequest, ActivateX509AuthorityResponse>);
  add("TaintX509Authority", taint<kX509, TaintX509AuthorityRequest, TaintX509AuthorityResponse>);
  add("RevokeX509Authority",
      revoke<kX509, RevokeX509AuthorityRequest, RevokeX509AuthorityResponse>);
  add("TaintX509UpstreamAuthority",
      upstream<&Authorities::taint_upstream, TaintX509UpstreamAuthorityRequest,
               TaintX509UpstreamAuthorityResponse>);
  add("RevokeX509UpstreamAuthority",
      upstream<&Authorities::revoke_upstream, RevokeX509UpstreamAuthorityRequest,
               RevokeX509UpstreamAuthorityResponse>);
  add("GetJWTAuthorityState",
      get_state<kJwt, GetJWTAuthorityStateRequest, GetJWTAuthorityStateResponse>);
  add("PrepareJWTAuthority",
      prepare<kJwt, PrepareJWTAuthorityRequest, PrepareJWTAuthorityResponse>);
  add("ActivateJWTAuthority",
      activate<kJwt, ActivateJWTAuthorityRequest, ActivateJWTAuthorityResponse>);
  add("TaintJWTAuthority", taint<kJwt, TaintJWTAuthorityRequest, TaintJWTAuthorityResponse>);
  add("RevokeJWTAuthority", revoke<kJwt, RevokeJWTAuthorityRequest, RevokeJWTAuthorityResponse>);
  add("GetWITAuthorityState",
      get_state<kWit, GetWITAuthorityStateRequest, GetWITAuthorityStateResponse>);
  add("PrepareWITAuthority",
      prepare<kWit, PrepareWITAuthorityRequest, PrepareWITAuthorityResponse>);
  add("ActivateWITAuthority",
      activate<kWit, ActivateWITAuthorityRequest, ActivateWITAuthorityResponse>);
  add("TaintWITAuthority", taint<kWit, TaintWITAuthorityRequest, TaintWITAuthorityResponse>);
  add("RevokeWITAuthority", revoke<kWit, RevokeWITAuthorityRequest, RevokeWITAuthorityResponse>);
}

}  // namespace signet::server
