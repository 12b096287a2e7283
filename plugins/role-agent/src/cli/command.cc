#include "cli/command.h"

#include "cli/commands.h"

namespace signet::agent::cli {
namespace {

using signet::cli::Row;

constexpr Row kCommands[] = {
    {"run", "Runs the agent in the foreground", run_agent},
    {"validate", "Checks a configuration file and starts nothing", validate_config},
    {"healthcheck", "Asks a running agent whether it serves", healthcheck},
    {"api fetch", "Fetches the caller's X509-SVIDs", fetch_x509_svid},
    {"api fetch x509", "Fetches the caller's X509-SVIDs", fetch_x509_svid},
    {"api fetch jwt", "Fetches JWT-SVIDs for an audience", fetch_jwt_svid},
    {"api validate jwt", "Checks a JWT-SVID that somebody presented", validate_jwt_svid},
    {"debug getinfo", "Shows what the agent says of itself", show_debug_info},
    {"logger get", "Shows the log level", show_log_level},
    {"logger set", "Changes the log level until the agent is restarted", set_log_level},
    {"logger reset", "Sets the log level back to that of the start", reset_log_level},
    {"api watch", "Prints the caller's X509-SVIDs as often as they change", watch, true},
};

}  // namespace

Result<int> run(const Host& host, const Call& call, const std::vector<std::string>& argv,
                const int fds[3]) {
  return signet::cli::run_command_line("agent", kCommands, host, call, argv, fds);
}

}  // namespace signet::agent::cli
