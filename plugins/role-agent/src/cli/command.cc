#include "cli/command.h"

#include <algorithm>

#include "cli/commands.h"
#include "cli/io.h"

namespace signet::agent::cli {
namespace {

using signet::cli::Row;

constexpr Row kCommands[] = {
    {"run", "Runs the agent in the foreground", run_agent},
    {"validate", "Checks a configuration file and starts nothing", validate_config},
    {"healthcheck", "Asks a running agent whether it serves", healthcheck},
    {"explain", "Tells why a process gets no identity", explain_workload},
    {"api fetch", "Fetches the caller's X509-SVIDs", fetch_x509_svid},
    {"api fetch x509", "Fetches the caller's X509-SVIDs", fetch_x509_svid},
    {"api fetch jwt", "Fetches JWT-SVIDs for an audience", fetch_jwt_svid},
    {"api validate jwt", "Checks a JWT-SVID that somebody presented", validate_jwt_svid},
    {"api watch", "Prints the caller's X509-SVIDs as often as they change", watch, true},
    {"debug getinfo", "Shows what the agent says of itself", show_debug_info},
    {"logger get", "Shows the log level", show_log_level},
    {"logger set", "Changes the log level until the agent is restarted", set_log_level},
    {"logger reset", "Sets the log level back to that of the start", reset_log_level},
};

// Flags that only the server's explain has.
bool asks_server(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(), [](std::string word) {
    word.erase(0, word.find_first_not_of('-'));
    word.erase(std::min(word.find('='), word.size()));
    return word == "entryID" || word == "spiffeID" || word == "agentID";
  });
}

// "signet explain ..." is "signet agent explain ...".
Result<int> explain_either(const Host& host, const Call& call, std::vector<std::string> argv,
                           const int fds[3]) {
  if (asks_server(argv)) {
    signet::cli::Io(fds).err("Error: entries are the server's; use signet server explain\n");
    return 1;
  }
  argv.insert(argv.begin(), "agent");
  return signet::cli::run_command_line("agent", kCommands, host, call, argv, fds);
}

}  // namespace

Result<int> run(const Host& host, const Call& call, const std::vector<std::string>& argv,
                const int fds[3]) {
  if (!argv.empty() && argv[0] == "explain") return explain_either(host, call, argv, fds);
  return signet::cli::run_command_line("agent", kCommands, host, call, argv, fds);
}

}  // namespace signet::agent::cli
