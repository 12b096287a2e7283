// debug getinfo and logger: what a running agent says of itself, and how much it logs. They call
// the admin socket.
#include "signet/duration.h"

#include "cli/admin_command.h"
#include "cli/operators.h"
#include "spire/api/agent/debug/v1/debug.pb.h"
#include "spire/api/agent/logger/v1/logger.pb.h"

namespace signet::agent::cli {
namespace {

using signet::cli::Client;

namespace debug = ::spire::agent::debug::v1;
namespace logger = ::spire::api::agent::logger::v1;
namespace types = ::spire::api::types;

Status print_logger(const AdminCommand& command, const Result<types::Logger>& answer,
                    const char* doing) {
  if (!answer) return answer.status().prefixed(doing);
  return command.print(*answer, signet::cli::logger_text(*answer));
}

std::string info_text(const debug::GetInfoResponse& info) {
  const auto line = [](std::string label, const std::string& value) {
    label.resize(33, ' ');
    return "  " + label + value + "\n";
  };
  const std::int64_t sync = info.last_sync_success();
  return "Agent Debug Info:\n" +
         line("Uptime:", format_go_duration(std::chrono::seconds(info.uptime()))) +
         line("Last Sync Success:", sync == 0 ? "(never)" : signet::cli::rfc3339_utc(sync)) +
         line("Cached X.509 SVIDs:", std::to_string(info.cached_x509_svids_count())) +
         line("Cached JWT SVIDs:", std::to_string(info.cached_jwt_svids_count())) +
         line("Cached SVID Store X.509 SVIDs:",
              std::to_string(info.cached_svidstore_x509_svids_count())) +
         signet::cli::svid_chain_text(info.svid_chain());
}

template <typename Request>
Result<types::Logger> call_logger(const Client& client, const char* method,
                                  const Request& request) {
  return client.call<types::Logger>(std::string("/spire.api.agent.logger.v1.Logger/") + method,
                                    request);
}

}  // namespace

int show_debug_info(Context& context, const Args& args) {
  AdminCommand command(context, "debug getinfo");
  return command.run(args, [&](const Client& client) -> Status {
    SIGNET_TRY(const auto info,
               client.call<debug::GetInfoResponse>("/spire.agent.debug.v1.Debug/GetInfo",
                                                   debug::GetInfoRequest()));
    return command.print(info, info_text(info));
  });
}

int show_log_level(Context& context, const Args& args) {
  AdminCommand command(context, "logger get");
  return command.run(args, [&](const Client& client) {
    return print_logger(command, call_logger(client, "GetLogger", logger::GetLoggerRequest()),
                        "error fetching logger");
  });
}

int set_log_level(Context& context, const Args& args) {
  AdminCommand command(context, "logger set");
  std::string level;
  command.flags().text("level", &level, "panic, fatal, error, warn, info, debug or trace");
  return command.run(args, [&](const Client& client) -> Status {
    if (level.empty()) return Status::invalid_argument("a value (-level) must be set");
    logger::SetLogLevelRequest request;
    SIGNET_TRY(const types::LogLevel number, signet::cli::parse_log_level(level));
    request.set_new_level(number);
    return print_logger(command, call_logger(client, "SetLogLevel", request),
                        "failed to set log level");
  });
}

int reset_log_level(Context& context, const Args& args) {
  AdminCommand command(context, "logger reset");
  return command.run(args, [&](const Client& client) {
    return print_logger(command,
                        call_logger(client, "ResetLogLevel", logger::ResetLogLevelRequest()),
                        "failed to reset logger");
  });
}

}  // namespace signet::agent::cli
