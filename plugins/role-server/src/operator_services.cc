// The small services of the admin socket: Health, Debug and Logger.
#include <algorithm>
#include <mutex>
#include <utility>

#include "agent_records.h"
#include "api_id.h"
#include "api_status.h"
#include "change_follower.h"
#include "grpc/health/v1/health.pb.h"
#include "method_registry.h"
#include "server_identity.h"
#include "spire/api/server/debug/v1/debug.pb.h"
#include "spire/api/server/logger/v1/logger.pb.h"
#include "trust_bundles.h"

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
  for (const x509::Certificate& certificate : verified.path) {
    auto* out = response.add_svid_chain();
    if (const auto id = certificate.spiffe_id()) id_to_api(*id, out->mutable_id());
    out->set_expires_at(x509::to_unix(certificate.not_after()));
    out->set_subject(x509::name_to_text(certificate.subject_raw()));
  }
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

types::LogLevel level_to_api(std::uint32_t level) {
  switch (level) {
    case SIGNET_LOG_TRACE:
      return types::TRACE;
    case SIGNET_LOG_DEBUG:
      return types::DEBUG;
    case SIGNET_LOG_INFO:
      return types::INFO;
    case SIGNET_LOG_WARN:
      return types::WARN;
    case SIGNET_LOG_ERROR:
      return types::ERROR;
    default:
      return types::FATAL;
  }
}

Status answer_logger(CallContext& call, types::Logger& response) {
  const auto* log = call.host().service<signet_host_log>(SIGNET_HOST_LOG);
  if (log == nullptr) return Status::unavailable("the host has no log");
  std::uint32_t launch = SIGNET_LOG_INFO;
  response.set_current_level(level_to_api(log->level(call.host().abi(), &launch)));
  response.set_launch_level(level_to_api(launch));
  return {};
}

Status get_logger(CallContext& call, const logger::GetLoggerRequest&, types::Logger& response) {
  return answer_logger(call, response);
}

Status set_log_level(CallContext& call, const logger::SetLogLevelRequest& request,
                     types::Logger& response) {
  std::uint32_t level = 0;
  switch (request.new_level()) {
    case types::UNSPECIFIED:
      return api_error(call.host(), Code::kInvalidArgument,
                       "newLevel value cannot be LogLevel_UNSPECIFIED");
    case types::PANIC:
    case types::FATAL:
      level = SIGNET_LOG_FATAL;
      break;
    case types::ERROR:
      level = SIGNET_LOG_ERROR;
      break;
    case types::WARN:
      level = SIGNET_LOG_WARN;
      break;
    case types::INFO:
      level = SIGNET_LOG_INFO;
      break;
    case types::DEBUG:
      level = SIGNET_LOG_DEBUG;
      break;
    case types::TRACE:
      level = SIGNET_LOG_TRACE;
      break;
    default:
      return api_error(call.host(), Code::kInvalidArgument, "unsupported log level");
  }
  if (const auto* log = call.host().service<signet_host_log>(SIGNET_HOST_LOG)) {
    log->set_level(call.host().abi(), level);
  }
  return answer_logger(call, response);
}

Status reset_log_level(CallContext& call, const logger::ResetLogLevelRequest&,
                       types::Logger& response) {
  if (const auto* log = call.host().service<signet_host_log>(SIGNET_HOST_LOG)) {
    log->set_level(call.host().abi(), UINT32_MAX);
  }
  return answer_logger(call, response);
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
