// The Agent service: AttestAgent, by which a node becomes an agent.
//
// The stream carries the attestation data, any number of challenges, and the result. Each type is a
// session of a node attestor plugin, which is stepped by each message that comes.
#include <algorithm>
#include <optional>

#include "signet/attestor.h"

#include "agent_records.h"
#include "agent_service.h"
#include "agent_svid.h"
#include "api_id.h"
#include "api_status.h"
#include "join_tokens.h"
#include "spire/api/server/agent/v1/agent.pb.h"

namespace signet::server {
namespace {

namespace api = spire::api::server::agent::v1;

constexpr std::chrono::seconds kStepTime{30};
constexpr int kMaxRounds = 32;  // a plugin and an agent that never agree must end

std::string check_params(const api::AttestAgentRequest::Params* params) {
  if (params == nullptr) return "missing params";
  if (!params->has_data()) return "missing attestation data";
  if (!params->has_params()) return "missing X509-SVID parameters";
  if (params->params().csr().empty()) return "missing CSR";
  if (params->data().type().empty()) return "missing attestation data type";
  if (params->data().payload().empty()) return "missing attestation data payload";
  return {};
}

// One attestation. Callbacks come one at a time and keep it alive.
class Attestation : public std::enable_shared_from_this<Attestation> {
 public:
  explicit Attestation(std::shared_ptr<CallContext> call) : call_(std::move(call)) {}

  void begin(std::string_view first) {
    if (!request_.ParseFromArray(first.data(), static_cast<int>(first.size()))) {
      return end(Status::internal("grpc: error unmarshalling request"));
    }
    const std::string problem = check_params(request_.has_params() ? &request_.params() : nullptr);
    if (!problem.empty()) {
      return end(api_error(call_->host(), Code::kInvalidArgument, "malformed param",
                           Status::invalid_argument(problem)));
    }
    call_->audit("node_attestor_type", type());
    if (by_join_token()) {
      call_->audit("token_sha256", join_token_fingerprint(request_.params().data().payload()));
    }
    auto session = ServerAttestation::open(call_->host(), type(), trust_domain().name(),
                                           call_->caller().address, deadline());
    if (!session) {
      return end(
          session.status().code() == Code::kNotFound
              ? api_error(call_->host(), Code::kFailedPrecondition, "error getting node attestor",
                          Status::not_found("could not find node attestor type \"" + type() + "\""))
              : of_plugin(session.status()));
    }
    session_.emplace(std::move(*session));
    step(request_.params().data().payload());
  }

 private:
  const std::string& type() const { return request_.params().data().type(); }
  bool by_join_token() const { return type() == "join_token"; }
  const TrustDomain& trust_domain() const { return call_->services().trust_domain(); }
  std::int64_t deadline() const {
    return std::min(call_->call().deadline_ns(), call_->host().deadline_in(kStepTime));
  }
  // The peer has join tokens in the server itself, so their errors name no plugin.
  Status of_plugin(const Status& status) const {
    return by_join_token() ? api_error(call_->host(), status.code(), status.message())
                           : status.prefixed("nodeattestor(" + type() + ")");
  }
  void end(const Status& status) { call_->finish(status); }

  void step(std::string_view message) {
    if (++rounds_ > kMaxRounds) {
      return end(of_plugin(Status::failed_precondition("too many challenges")));
    }
    auto result = session_->step(message, deadline());
    if (!result) return end(of_plugin(result.status()));
    if (result->attributes) return finish(*result->attributes);
    api::AttestAgentResponse response;
    response.set_challenge(result->challenge);
    ServerCall& call = call_->call();
    if (const Status sent = call.send_message(response); !sent.ok()) {
      return end(
          api_error(call_->host(), Code::kInternal, "failed to send challenge to agent", sent));
    }
    if (!call.on_message) {
      call.on_message = [self = shared_from_this()](std::string_view bytes) {
        self->answer(bytes);
      };
      call.on_half_close = [self = shared_from_this()] {
        self->end(api_error(self->call_->host(), Code::kInternal,
                            "failed to receive challenge from agent", Status::cancelled("EOF")));
      };
    }
    call.read();
  }

  void answer(std::string_view bytes) {
    api::AttestAgentRequest response;
    if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return end(Status::internal("grpc: error unmarshalling request"));
    }
    step(response.challenge_response());
  }

  void finish(const AgentAttributes& attributes) {
    const Host& host = call_->host();
    const auto id = SpiffeId::parse(attributes.agent_id);
    if (!id) return end(api_error(host, Code::kInternal, "invalid agent ID", id.status()));
    call_->audit("agent_id", id->to_string());
    if (id->path() == "/spire/server") {
      return end(api_error(host, Code::kInternal, "agent ID cannot collide with the server ID"));
    }
    if (!id->member_of(trust_domain()) || !id->path().starts_with("/spire/agent/" + type() + "/")) {
      host.warn("Node attestor gave an agent ID outside of its namespace",
                {{"agent_id", id->to_string()}, {"node_attestor_type", type()}});
    }
    const auto found = call_->services().agents->current(id->to_string());
    if (!found) {
      return end(store_error(host, "failed to fetch agent", found.status()));
    }
    const AgentPtr& known = *found;
    if (known && known->banned()) {
      return end(api_error(host, Code::kPermissionDenied, "failed to attest: agent is banned"));
    }
    auto svid = sign_agent_svid(*call_, *id, request_.params().params().csr());
    if (!svid) return end(svid.status());

    AttestedAgent agent{.id = *id,
                        .attestation_type = type(),
                        .serial = svid->serial,
                        .expires_at = svid->expires_at,
                        .can_reattest = attributes.can_reattest,
                        .selectors = {}};
    for (const std::string& value : attributes.selectors) {
      agent.selectors.push_back({type(), value});
    }
    if (call_->services().config->agent_spiffe_id_as_selector) {
      agent.selectors.push_back({"spiffe_id", id->to_string()});
    }
    if (const Status stored = call_->services().agents->attested(agent); !stored.ok()) {
      return end(stored.code() == Code::kPermissionDenied
                     ? api_error(host, stored.code(), stored.message())
                     : store_error(host,
                                   known ? "failed to update attested agent"
                                         : "failed to create attested agent",
                                   stored));
    }
    host.info("Agent attestation request completed", {{"agent_id", id->to_string()},
                                                      {"node_attestor_type", type()},
                                                      {"address", call_->caller().address},
                                                      {"serial_num", svid->serial}});
    api::AttestAgentResponse response;
    *response.mutable_result()->mutable_svid() = std::move(svid->message);
    response.mutable_result()->set_reattestable(attributes.can_reattest);
    call_->close(Status());
    call_->call().finish_message(response);
  }

  std::shared_ptr<CallContext> call_;
  api::AttestAgentRequest request_;
  std::optional<ServerAttestation> session_;
  int rounds_ = 0;
};

}  // namespace

void register_agent_attestation(MethodRegistry& methods, ServiceContext&) {
  methods.stream("/spire.api.server.agent.v1.Agent/AttestAgent",
                 SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM,
                 [](std::shared_ptr<CallContext> call, std::string_view first) {
                   std::make_shared<Attestation>(std::move(call))->begin(first);
                 });
}

}  // namespace signet::server
