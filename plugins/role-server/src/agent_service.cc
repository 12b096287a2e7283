// The Agent service: one agent at a time, and join tokens. Attestation is in agent_attest.cc,
// listing in agent_list.cc.
#include "agent_service.h"

#include "agent_records.h"
#include "agent_svid.h"
#include "api_id.h"
#include "api_status.h"
#include "crypto/encoding.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "entry_store.h"
#include "join_tokens.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/types/status.pb.h"

namespace signet::server {
namespace {

namespace api = spire::api::server::agent::v1;
namespace types = spire::api::types;

constexpr std::size_t kMaxVersionBytes = 255;
constexpr std::size_t kShortToken = 16;

template <typename Request>
Result<SpiffeId> agent_id_of(CallContext& call, const Request& request) {
  auto id =
      agent_id_from_api(call.services().trust_domain(), request.has_id() ? &request.id() : nullptr);
  if (!id) {
    return api_error(call.host(), Code::kInvalidArgument, "invalid agent ID", id.status());
  }
  call.audit("spiffe_id", id->to_string());
  return id;
}

// A missing agent is told as it is; anything else is the server's trouble.
Status worded(CallContext& call, const Status& status, const char* failure) {
  if (status.ok()) return {};
  return status.code() == Code::kNotFound
             ? api_error(call.host(), Code::kNotFound, "agent not found")
             : store_error(call.host(), failure, status);
}

Status get_agent(CallContext& call, const api::GetAgentRequest& request, types::Agent& response) {
  SIGNET_TRY(const SpiffeId id, agent_id_of(call, request));
  const auto found = call.services().agents->current(id.to_string());
  if (!found) {
    return store_error(call.host(), "failed to fetch agent", found.status());
  }
  const AgentPtr& agent = *found;
  if (!agent) return api_error(call.host(), Code::kNotFound, "agent not found");
  agent_to_api(*agent, request.has_output_mask() ? &request.output_mask() : nullptr, &response);
  return {};
}

Status delete_agent(CallContext& call, const api::DeleteAgentRequest& request,
                    google::protobuf::Empty&) {
  SIGNET_TRY(const SpiffeId id, agent_id_of(call, request));
  SIGNET_RETURN_IF_ERROR(
      worded(call, call.services().agents->remove(id.to_string()), "failed to remove agent"));
  call.host().info("Agent deleted", {{"spiffe_id", id.to_string()}});
  return {};
}

Status ban_agent(CallContext& call, const api::BanAgentRequest& request, google::protobuf::Empty&) {
  SIGNET_TRY(const SpiffeId id, agent_id_of(call, request));
  SIGNET_RETURN_IF_ERROR(
      worded(call, call.services().agents->ban(id.to_string()), "failed to ban agent"));
  call.host().info("Agent banned", {{"spiffe_id", id.to_string()}});
  return {};
}

Status renew_agent(CallContext& call, const api::RenewAgentRequest& request,
                   api::RenewAgentResponse& response) {
  const std::string& csr = request.params().csr();
  if (call.auditing() && request.has_params()) {
    call.audit("csr", crypto::hex_encode(crypto::sha256(csr)));
  }
  const SpiffeId& id = call.caller_id();
  const AgentPtr& agent = call.caller().agent;
  if (agent->body.can_reattest()) {
    types::PermissionDeniedDetails details;
    details.set_reason(types::PermissionDeniedDetails::AGENT_MUST_REATTEST);
    return Status::permission_denied("agent must reattest instead of renew")
        .with_detail({"type.googleapis.com/spire.api.types.PermissionDeniedDetails",
                      details.SerializeAsString()});
  }
  if (!request.has_params()) {
    return api_error(call.host(), Code::kInvalidArgument, "params cannot be nil");
  }
  if (csr.empty()) return api_error(call.host(), Code::kInvalidArgument, "missing CSR");
  SIGNET_TRY(AgentSvid svid, sign_agent_svid(call, id, csr));
  SIGNET_RETURN_IF_ERROR(worded(
      call, call.services().agents->set_pending(id.to_string(), svid.serial, svid.expires_at),
      "failed to update agent"));
  call.host().info("Agent SVID renewed", {{"spiffe_id", id.to_string()},
                                          {"serial_num", svid.serial},
                                          Field::time("expiration", svid.expires_at)});
  *response.mutable_svid() = std::move(svid.message);
  return {};
}

Status post_status(CallContext& call, const api::PostStatusRequest& request,
                   api::PostStatusResponse&) {
  const std::string& version = request.agent_version();
  if (version.empty()) return {};
  call.audit("spiffe_id", call.caller_id().to_string());
  if (version.size() > kMaxVersionBytes) {
    return api_error(call.host(), Code::kInvalidArgument,
                     "agent version is too long (max 255 characters)");
  }
  call.audit("agent_version", version);
  const std::string& id = call.caller_id().to_string();
  const AgentPtr& agent = call.caller().agent;
  if (agent->body.agent_version() == version) return {};  // nothing to write
  return worded(call, call.services().agents->set_version(id, version), "failed to update agent");
}

Status create_join_token_call(CallContext& call, const api::CreateJoinTokenRequest& request,
                              types::JoinToken& response) {
  ServiceContext& services = call.services();
  if (request.ttl() < 1) {
    return api_error(call.host(), Code::kInvalidArgument, "ttl is required, you must provide one");
  }
  call.audit("ttl", std::to_string(request.ttl()));
  types::Entry alias;
  if (request.has_agent_id()) {
    const auto id = workload_id_from_api(services.trust_domain(), &request.agent_id());
    if (!id) {
      return api_error(call.host(), Code::kInvalidArgument, "invalid agent ID", id.status());
    }
    call.audit("spiffe_id", id->to_string());
    id_to_api(*id, alias.mutable_spiffe_id());
  }
  const std::string token = request.token().empty() ? crypto::random_uuid() : request.token();
  if (token.size() < kShortToken) {
    call.host().warn("Join token chosen by the caller is short and may be guessed");
  }
  call.audit("token_sha256", join_token_fingerprint(token));
  const std::int64_t expires_at = call.host().unix_seconds() + request.ttl();
  if (const Status made = create_join_token(*services.datastore, token, expires_at); !made.ok()) {
    return store_error(call.host(), "failed to create token", made);
  }
  if (request.has_agent_id()) {
    const auto parent = join_token_agent_id(services.trust_domain(), token);
    Status made = parent.status().prefixed("failed to create join token ID");
    if (parent) {
      id_to_api(*parent, alias.mutable_parent_id());
      auto* selector = alias.add_selectors();
      selector->set_type("spiffe_id");
      selector->set_value(parent->to_string());
      const Result<types::Entry> wanted = std::move(alias);
      made = services.entry_store->create({&wanted, 1}).front().status();
    }
    if (!made.ok()) {
      return store_error(call.host(), "failed to create join token registration entry", made);
    }
  }
  response.set_value(token);
  response.set_expires_at(expires_at);
  return {};
}

}  // namespace

void register_agent_service(MethodRegistry& methods, ServiceContext& context) {
  const std::string prefix = "/spire.api.server.agent.v1.Agent/";
  methods.unary(prefix + "GetAgent", get_agent);
  methods.unary(prefix + "DeleteAgent", delete_agent);
  methods.unary(prefix + "BanAgent", ban_agent);
  methods.unary(prefix + "RenewAgent", renew_agent);
  methods.unary(prefix + "PostStatus", post_status);
  methods.unary(prefix + "CreateJoinToken", create_join_token_call);
  register_agent_listing(methods, context);
  register_agent_attestation(methods, context);
}

}  // namespace signet::server
