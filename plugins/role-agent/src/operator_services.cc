#include "operator_services.h"

#include <algorithm>
#include <limits>

#include "proto/log_level.h"
#include "spire/api/agent/debug/v1/debug.pb.h"
#include "spire/api/agent/logger/v1/logger.pb.h"
#include "x509/svid_chain.h"
#include "x509/verify.h"

namespace signet::agent {
namespace {

namespace debug = ::spire::agent::debug::v1;
namespace logger = ::spire::api::agent::logger::v1;
namespace types = ::spire::api::types;

std::int32_t count(std::size_t n) {
  constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::min(n, kMost));
}

// SPIRE's agent goes on to fill in what cached_x509_svids_count has replaced.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void set_older_count(debug::GetInfoResponse& response, std::int32_t x509_svids) {
  response.set_svids_count(x509_svids);
}
#pragma GCC diagnostic pop

// The chain that the agent shows, up to the authority it ends at; none while it has none.
Status fill_chain(const Host& host, const AgentIdentity& identity, const IdentityTable& table,
                  debug::GetInfoResponse& response) {
  const AgentSvidPtr svid = identity.current();
  const BundlePtr own = table.own_bundle();
  if (!svid || !own || !own->parsed) return {};
  const auto& bundle = *static_cast<const x509::Bundle*>(own->parsed.get());
  const auto verified = x509::verify_svid(svid->chain, own->trust_domain, x509::RootPool(bundle),
                                          {.now = x509::from_unix(host.unix_seconds())});
  if (!verified) {
    host.log_status(LogLevel::kError, "Failed to verify agent SVID", verified.status());
    return Status::internal("failed to verify agent SVID: " + verified.status().message());
  }
  x509::describe_chain(verified->path, response);
  return {};
}

}  // namespace

Status DebugService::register_methods(RpcListener& listener) {
  return listener.unary<debug::GetInfoRequest, debug::GetInfoResponse>(
      "/spire.agent.debug.v1.Debug/GetInfo",
      [this](ServerCall&, const debug::GetInfoRequest&) -> Result<debug::GetInfoResponse> {
        debug::GetInfoResponse response;
        SIGNET_RETURN_IF_ERROR(fill_chain(host_, sources_.identity, sources_.table, response));
        const auto up = std::chrono::nanoseconds(host_.monotonic_ns() - started_ns_);
        response.set_uptime(static_cast<std::int32_t>(
            std::chrono::duration_cast<std::chrono::seconds>(up).count()));
        const std::int32_t svids = count(sources_.table.counts().x509_svids);
        set_older_count(response, svids);
        response.set_cached_x509_svids_count(svids);
        response.set_cached_jwt_svids_count(count(sources_.jwt_svids()));
        response.set_last_sync_success(sources_.last_sync());
        return response;
      });
}

Status LoggerService::register_methods(RpcListener& listener) {
  const std::string prefix = "/spire.api.agent.logger.v1.Logger/";
  SIGNET_RETURN_IF_ERROR((listener.unary<logger::GetLoggerRequest, types::Logger>(
      prefix + "GetLogger",
      [this](ServerCall&, const logger::GetLoggerRequest&) { return proto::log_level(host_); })));
  SIGNET_RETURN_IF_ERROR((listener.unary<logger::SetLogLevelRequest, types::Logger>(
      prefix + "SetLogLevel", [this](ServerCall&, const logger::SetLogLevelRequest& request) {
        return proto::set_log_level(host_, request.new_level());
      })));
  return listener.unary<logger::ResetLogLevelRequest, types::Logger>(
      prefix + "ResetLogLevel", [this](ServerCall&, const logger::ResetLogLevelRequest&) {
        return proto::reset_log_level(host_);
      });
}

}  // namespace signet::agent
