#include "command.h"

#include <cstdlib>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "signet/abi/role.h"

#include "cli/flags.h"
#include "config.h"

namespace signet::dev {
namespace {

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto whole = std::filesystem::absolute(path, error).lexically_normal();
  return error ? path : whole.string();
}

}  // namespace

int run_command(const Call& call, const std::vector<std::string>& argv, const int fds[3]) {
  cli::Io io(fds);
  std::string data_dir = default_data_dir(std::getenv("XDG_STATE_HOME"));  // NOLINT: no threads yet
  std::string trust_domain = "example.org";
  std::string socket_path;
  cli::FlagSet flags("dev");
  flags.text("dataDir", &data_dir, "folder that keeps keys, database and logs");
  flags.text("trustDomain", &trust_domain, "the trust domain, without spiffe://");
  flags.text("socketPath", &socket_path,
             "path of the Workload API's socket (default agent.sock in dataDir)");
  std::vector<std::string> words(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  if (!words.empty() && !words.front().starts_with('-')) {
    io.err("signet dev takes flags only, not \"" + words.front() + "\"\n" + flags.usage());
    return 1;
  }
  switch (flags.parse(words, io)) {
    case cli::FlagSet::Outcome::kHelp:
      return 0;
    case cli::FlagSet::Outcome::kBad:
      return 1;
    case cli::FlagSet::Outcome::kGo:
      break;
  }
  if (data_dir.empty()) {
    io.err("-dataDir is empty\n");
    return 1;
  }
  nlohmann::json settings = {{"data_dir", absolute(data_dir)}, {"trust_domain", trust_domain}};
  if (!socket_path.empty()) settings["socket_path"] = absolute(socket_path);
  const std::string patch = nlohmann::json{{"dev", settings}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
  call.emit(SIGNET_KIND_RUN_PLAN,
            signet_run_plan{sizeof(signet_run_plan), 0, {}, bytes_to_abi(patch), 0, 0});
  return 0;
}

}  // namespace signet::dev
