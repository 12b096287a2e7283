// signet.server.v1.Server: what operators may ask of this server beyond SPIRE's API.
#include <algorithm>

#include "signet/server/v1/server.pb.h"

#include "api_status.h"
#include "authorities.h"
#include "change_follower.h"
#include "federation.h"
#include "method_registry.h"
#include "service_context.h"
#include "trust_bundles.h"

namespace signet::server {
namespace {

namespace api = signet::server::v1;

Result<AuthorityType> type_of(CallContext& call, api::GetPublicationRequest::Kind kind) {
  const ServerConfig& config = *call.services().config;
  switch (kind) {
    case api::GetPublicationRequest::X509:
      return AuthorityType::kX509;
    case api::GetPublicationRequest::JWT:
      if (config.disable_jwt_svids) break;
      return AuthorityType::kJwt;
    case api::GetPublicationRequest::WIT:
      if (!config.wit_svids) break;
      return AuthorityType::kWit;
    default:
      break;
  }
  return api_error(call.host(), Code::kUnimplemented, "this kind of authority is switched off");
}

Status get_publication(CallContext& call, const api::GetPublicationRequest& request,
                       api::GetPublicationResponse& response) {
  SIGNET_TRY(const AuthorityType type, type_of(call, request.kind()));
  const auto lacking = call.services().authorities->lacking(type, request.authority_id());
  if (!lacking) {
    return api_error(call.host(), lacking.status().code(), lacking.status().message());
  }
  response.set_agents_lacking(static_cast<std::uint32_t>(lacking->agents));
  response.set_servers_lacking(static_cast<std::uint32_t>(lacking->servers));
  return {};
}

Status leave(CallContext& call, const api::LeaveRequest&, api::LeaveResponse&) {
  const Status left = call.services().leave();
  return left.ok() ? left : api_error(call.host(), Code::kInternal, "failed to leave", left);
}

Status get_freshness(CallContext& call, const api::GetFreshnessRequest&,
                     api::GetFreshnessResponse& response) {
  const ChangeFollower& changes = *call.services().changes;
  response.set_live(changes.live());
  response.set_away(!changes.reachable());
  response.set_memory_age_seconds(
      std::chrono::duration_cast<std::chrono::seconds>(changes.age()).count());
  response.set_offline_issuance_seconds(call.services().config->offline_issuance.count());
  return {};
}

Status get_federation(CallContext& call, const api::GetFederationRequest&,
                      api::GetFederationResponse& response) {
  const std::int64_t now = call.host().unix_seconds();
  for (const FederationPoller::PeerState& state : call.services().federation->poller().peers()) {
    api::FederatedPeer& peer = *response.add_peers();
    peer.set_trust_domain(state.domain.trust_domain);
    peer.set_bundle_endpoint_url(state.domain.url);
    peer.set_configured(state.is_static);
    peer.set_has_bundle(call.services().bundles->find(state.domain.trust_domain) != nullptr);
    peer.set_fetched_at(state.good_at);
    if (state.good_at != 0) peer.set_age_seconds(std::max<std::int64_t>(0, now - state.good_at));
    peer.set_failures(state.failures);
    peer.set_error(state.error);
  }
  return {};
}

}  // namespace

void register_server_admin_service(MethodRegistry& methods, ServiceContext&) {
  methods.unary("/signet.server.v1.Server/GetPublication", get_publication);
  methods.unary("/signet.server.v1.Server/Leave", leave);
  methods.unary("/signet.server.v1.Server/GetFreshness", get_freshness);
  methods.unary("/signet.server.v1.Server/GetFederation", get_federation);
}

}  // namespace signet::server
