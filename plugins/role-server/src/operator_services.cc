// The small services of the admin socket: Health, Debug and Logger.
#include <algorithm>
#include <mutex>
#include <utility>

#include "agent_records.h"
#include "api_status.h"
#include "change_follower.h"
#include "grpc/health/v1/health.pb.h"
#include "method_registry.h"
#include "proto/log_level.h"
#include "server_identity.h"
#include "spire/api/server/debug/v1/debug.pb.h"
#include "spire/api/server/logger/v1/logger.pb.h"
#include "trust_bundles.h"
#include "x509/svid_chain.h"

namespace signet::server {
namespace {

namespace types = spire::api::types;
namespace debug = spire::api::server::debug::v1;
namespace logger = spire::api::server::logger::v1;
namespace health = grpc::health::v1;

// ---- Debug

// The chain that the server shows, up to the authority it ends at.
Status fill_svid_chain(CallContext& call, const BundleSnapshot& bundle,
                       debug::GetInfoResponse& response) {
  std::vector<x509::Certificate> chain;
  for (const std::string& der : call.services().identity->current()->chain) {
    SIGNET_TRY(x509::Certificate certificate, x509::Certificate::parse(crypto::as_bytes(der)));
    chain.push_back(std::move(certificate));
  }
  SIGNET_TRY(const auto verified,
             x509::verify_svid(chain, call.services().trust_domain(), bundle.roots,
                               {.now = x509::from_unix(call.host().unix_seconds())}));
  x509::describe_chain(verified.path, response);
  return {};
}

Status get_info(CallContext& call, const debug::GetInfoRequest&, debug::GetInfoResponse& response) {
  ServiceContext& services = call.services();
  const BundlePtr bundle = services.bundles->own();
  if (!bundle) return api_error(call.host(), Code::kNotFound, "trust domain bundle not found");
  response.set_uptime(static_cast<std::int32_t>(
      (call.host().monotonic_ns() - services.started_at_ns) / 1'000'000'000));
  response.set_agents_count(static_cast<std::int32_t>(services.agents->count()));
  response.set_entries_count(static_cast<std::int32_t>(services.entries->count()));
  response.set_federated_bundles_count(static_cast<std::int32_t>(services.bundles->count()));
  const Status chain = fill_svid_chain(call, *bundle, response);
  if (chain.ok()) return {};
  return api_error(call.host(), Code::kInternal, "failed verification against bundle", chain);
}

// ---- Logger: the level of the server's own scope.

Status answer_logger(CallContext& call, Result<types::Logger> levels, types::Logger& response) {
  if (!levels) return api_error(call.host(), levels.status().code(), levels.status().message());
  response = std::move(*levels);
  return {};
}

Status get_logger(CallContext& call, const logger::GetLoggerRequest&, types::Logger& response) {
  return answer_logger(call, proto::log_level(call.host()), response);
}

Status set_log_level(CallContext& call, const logger::SetLogLevelRequest& request,
                     types::Logger& response) {
  return answer_logger(call, proto::set_log_level(call.host(), request.new_level()), response);
}

Status reset_log_level(CallContext& call, const logger::ResetLogLevelRequest&,
                       types::Logger& response) {
  return answer_logger(call, proto::reset_log_level(call.host()), response);
}

// ---- Health

Status check_health(CallContext& call, const health::HealthCheckRequest& request,
                    health::HealthCheckResponse& response) {
  if (!request.service().empty()) {
    return api_error(call.host(), Code::kInvalidArgument, "per-service health is not supported");
  }
  const ChangeFollower& changes = *call.services().changes;
  const bool serving = call.services().serving() && call.services().bundles->own() &&
                       (changes.trusted() || changes.reachable());
  response.set_status(serving ? health::HealthCheckResponse::SERVING
                              : health::HealthCheckResponse::NOT_SERVING);
  return {};
}

}  // namespace

void register_debug_service(MethodRegistry& methods, ServiceContext&) {
  methods.unary("/spire.api.server.debug.v1.Debug/GetInfo", get_info);
}

void register_logger_service(MethodRegistry& methods, ServiceContext&) {
  const std::string prefix = "/spire.api.server.logger.v1.Logger/";
  methods.unary(prefix + "GetLogger", get_logger);
  methods.unary(prefix + "SetLogLevel", set_log_level);
  methods.unary(prefix + "ResetLogLevel", reset_log_level);
}

void register_health_service(MethodRegistry& methods, ServiceContext&) {
  const std::string prefix = "/grpc.health.v1.Health/";
  methods.unary(prefix + "Check", check_health);
  methods.never_blocks(prefix + "Check");
  for (const auto& [name, flags] : {std::pair("List", 0u), {"Watch", SIGNET_RPC_SERVER_STREAM}}) {
    methods.stream(
        prefix + name, flags,
        [status = Status(Code::kUnimplemented, "method " + std::string(name) + " not implemented")](
            const std::shared_ptr<CallContext>& call, std::string_view) { call->finish(status); });
  }
}

}  // namespace signet::server
