#include "cli/command.h"

#include "cli/commands.h"
#include "cli/signals.h"

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
    {"api watch", "Prints the caller's X509-SVIDs as often as they change", watch},
};

}  // namespace

int run(const Host& host, const Call& call, const std::vector<std::string>& argv,
        const int fds[3]) {
  signet::cli::Io io(fds);
  Context context{host, call, io};
  const signet::cli::StopSignals stop_signals;
  const Args words(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  const std::string program = argv.empty() || argv[0] == "agent" ? "signet agent" : argv[0];
  return signet::cli::dispatch(program, kCommands, context, words);
}

}  // namespace signet::agent::cli
