// debug getinfo and logger: what a running server says of itself, and how much it logs.
#include "signet/duration.h"

#include "cli/admin_command.h"
#include "cli/operators.h"
#include "spire/api/server/debug/v1/debug.pb.h"
#include "spire/api/server/logger/v1/logger.pb.h"
#include "spire/api/types/logger.pb.h"

namespace signet::server::cli {
namespace {

namespace debug = ::spire::api::server::debug::v1;
namespace logger = ::spire::api::server::logger::v1;

class DebugInfo final : public AdminCommand {
 public:
  const char* name() const override { return "debug getinfo"; }
  void declare(FlagSet&) override {}
  Status run(Admin& admin) override {
    SIGNET_TRY(const auto info,
               admin.client.call<debug::GetInfoResponse>("/spire.api.server.debug.v1.Debug/GetInfo",
                                                         debug::GetInfoRequest()));
    return admin.output.print(admin.io, info, [&] {
      admin.io.out(text(info));
      return Status();
    });
  }

 private:
  static std::string text(const debug::GetInfoResponse& info) {
    const auto line = [](const char* label, const std::string& value) {
      return std::string("  ") + label + value + "\n";
    };
    std::string text =
        "Server Debug Info:\n" +
        line("Uptime:                  ", format_go_duration(std::chrono::seconds(info.uptime()))) +
        line("Registered Agents:       ", std::to_string(info.agents_count())) +
        line("Registration Entries:    ", std::to_string(info.entries_count())) +
        line("Federated Bundles:       ", std::to_string(info.federated_bundles_count()));
    text += signet::cli::svid_chain_text(info.svid_chain());
    return text;
  }
};

class LoggerCommand : public AdminCommand {
 public:
  void declare(FlagSet&) override {}

 protected:
  template <typename Request>
  Status call(Admin& admin, const char* method, const Request& request, const char* doing) const {
    const auto answer = admin.client.call<types::Logger>(
        std::string("/spire.api.server.logger.v1.Logger/") + method, request);
    if (!answer) return answer.status().prefixed(doing);
    return admin.output.print(admin.io, *answer, [&]() -> Status {
      SIGNET_TRY(const std::string text, signet::cli::logger_text(*answer));
      admin.io.out(text);
      return {};
    });
  }
};

class GetLogger final : public LoggerCommand {
 public:
  const char* name() const override { return "logger get"; }
  Status run(Admin& admin) override {
    return call(admin, "GetLogger", logger::GetLoggerRequest(), "error fetching logger");
  }
};

class SetLogLevel final : public LoggerCommand {
 public:
  const char* name() const override { return "logger set"; }
  void declare(FlagSet& flags) override {
    flags.text("level", &level_, "panic, fatal, error, warn, info, debug or trace");
  }
  Status run(Admin& admin) override {
    if (level_.empty()) return Status::invalid_argument("a value (-level) must be set");
    SIGNET_TRY(const types::LogLevel level, signet::cli::parse_log_level(level_));
    logger::SetLogLevelRequest request;
    request.set_new_level(level);
    return call(admin, "SetLogLevel", request, "failed to set log level");
  }

 private:
  std::string level_;
};

class ResetLogLevel final : public LoggerCommand {
 public:
  const char* name() const override { return "logger reset"; }
  Status run(Admin& admin) override {
    return call(admin, "ResetLogLevel", logger::ResetLogLevelRequest(), "failed to reset logger");
  }
};

}  // namespace

int show_debug_info(Context& context, const Args& args) {
  return run_admin<DebugInfo>(context, args);
}
int show_log_level(Context& context, const Args& args) {
  return run_admin<GetLogger>(context, args);
}
int set_log_level(Context& context, const Args& args) {
  return run_admin<SetLogLevel>(context, args);
}
int reset_log_level(Context& context, const Args& args) {
  return run_admin<ResetLogLevel>(context, args);
}

}  // namespace signet::server::cli
