// debug getinfo and logger: what a running agent says of itself, and how much it logs. They call
// the admin socket.
#include "signet/duration.h"

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/operators.h"
#include "cli/output.h"
#include "spire/api/agent/debug/v1/debug.pb.h"
#include "spire/api/agent/logger/v1/logger.pb.h"

namespace signet::agent::cli {
namespace {

using signet::cli::Client;
using signet::cli::FlagSet;
using signet::cli::Output;

namespace debug = ::spire::agent::debug::v1;
namespace logger = ::spire::api::agent::logger::v1;
namespace types = ::spire::api::types;

constexpr const char* kDefaultSocket = "/tmp/spire-agent/private/admin.sock";

class OperatorCommand {
 public:
  OperatorCommand(Context& context, const char* name) : context_(context), flags_(name) {
    flags_.text("socketPath", &socket_, "path of the agent's admin socket");
    output_.declare(flags_);
  }
  FlagSet& flags() { return flags_; }

  /// Reads the flags and runs fn(client). An error is printed as "Error: <message>" and gives 1.
  template <typename Fn>
  int run(const Args& args, Fn&& fn) {
    if (flags_.parse(args, context_.io) != FlagSet::Outcome::kGo) return 1;
    const Status status = connected(std::forward<Fn>(fn));
    if (status.ok()) return 0;
    context_.io.err("Error: " + status.message() + "\n");
    return 1;
  }
  /// text   what is printed unless -output says json
  Status print(const google::protobuf::Message& message, const Result<std::string>& text) const {
    return output_.print(context_.io, message, [&]() -> Status {
      SIGNET_RETURN_IF_ERROR(text.status());
      context_.io.out(*text);
      return {};
    });
  }
  Status print_logger(const Result<types::Logger>& answer, const char* doing) const {
    if (!answer) return answer.status().prefixed(doing);
    return print(*answer, signet::cli::logger_text(*answer));
  }

 private:
  template <typename Fn>
  Status connected(Fn&& fn) {
    SIGNET_TRY(const Client client,
               Client::open(context_, socket_.empty() ? kDefaultSocket : socket_));
    SIGNET_RETURN_IF_ERROR(fn(client));
    if (context_.io.failed()) return Status(Code::kUnknown, "cannot write to standard output");
    return {};
  }

  Context& context_;
  FlagSet flags_;
  std::string socket_ = kDefaultSocket;
  Output output_;
};

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
  OperatorCommand command(context, "debug getinfo");
  return command.run(args, [&](const Client& client) -> Status {
    SIGNET_TRY(const auto info,
               client.call<debug::GetInfoResponse>("/spire.agent.debug.v1.Debug/GetInfo",
                                                   debug::GetInfoRequest()));
    return command.print(info, info_text(info));
  });
}

int show_log_level(Context& context, const Args& args) {
  OperatorCommand command(context, "logger get");
  return command.run(args, [&](const Client& client) {
    return command.print_logger(call_logger(client, "GetLogger", logger::GetLoggerRequest()),
                                "error fetching logger");
  });
}

int set_log_level(Context& context, const Args& args) {
  OperatorCommand command(context, "logger set");
  std::string level;
  command.flags().text("level", &level, "panic, fatal, error, warn, info, debug or trace");
  return command.run(args, [&](const Client& client) -> Status {
    if (level.empty()) return Status::invalid_argument("a value (-level) must be set");
    logger::SetLogLevelRequest request;
    SIGNET_TRY(const types::LogLevel number, signet::cli::parse_log_level(level));
    request.set_new_level(number);
    return command.print_logger(call_logger(client, "SetLogLevel", request),
                                "failed to set log level");
  });
}

int reset_log_level(Context& context, const Args& args) {
  OperatorCommand command(context, "logger reset");
  return command.run(args, [&](const Client& client) {
    return command.print_logger(
        call_logger(client, "ResetLogLevel", logger::ResetLogLevelRequest()),
        "failed to reset logger");
  });
}

}  // namespace signet::agent::cli
