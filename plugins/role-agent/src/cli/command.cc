#include "cli/command.h"

#include <map>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "signet/abi/role.h"

namespace signet::agent::cli {
namespace {

void say(int fd, const std::string& text) {
  [[maybe_unused]] const ssize_t n = write(fd, text.data(), text.size());
}

// Flags and the settings they override.
const std::map<std::string, const char*>& text_flags() {
  static const std::map<std::string, const char*> kFlags = {
      {"dataDir", "data_dir"},
      {"joinToken", "join_token"},
      {"joinTokenFile", "join_token_file"},
      {"logFile", "log_file"},
      {"logFormat", "log_format"},
      {"logLevel", "log_level"},
      {"serverAddress", "server_address"},
      {"serverPort", "server_port"},
      {"socketPath", "socket_path"},
      {"trustDomain", "trust_domain"},
      {"trustBundle", "trust_bundle_path"},
      {"trustBundleUrl", "trust_bundle_url"},
      {"trustBundleFormat", "trust_bundle_format"},
      {"rebootstrapMode", "rebootstrap_mode"},
      {"rebootstrapDelay", "rebootstrap_delay"}};
  return kFlags;
}
const std::map<std::string, const char*>& switches() {
  static const std::map<std::string, const char*> kFlags = {
      {"allowUnauthenticatedVerifiers", "allow_unauthenticated_verifiers"},
      {"insecureBootstrap", "insecure_bootstrap"},
      {"logSourceLocation", "log_source_location"},
      {"disableWorkloadAPI", "disable_workload_api"},
      {"disableSDSAPI", "disable_sds_api"}};
  return kFlags;
}

}  // namespace

int run(const Host&, const Call& call, const std::vector<std::string>& argv, const int fds[3]) {
  const std::string word = argv.size() > 1 ? argv[1] : "";
  if (word != "run" && word != "validate") {
    say(fds[2], "usage: agent run|validate [-config FILE] [-expandEnv] ...\n");
    return 127;
  }
  std::string config = "conf/agent/agent.conf";
  bool expand_env = false;
  nlohmann::json agent = nlohmann::json::object();
  for (std::size_t i = 2; i < argv.size(); ++i) {
    std::string flag = argv[i];
    std::string value;
    flag.erase(0, flag.starts_with("--") ? 2 : 1);
    const std::size_t equals = flag.find('=');
    if (equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    }
    const bool has_value = equals != std::string::npos;
    if (flag == "expandEnv") {
      expand_env = value != "false";
    } else if (const auto on = switches().find(flag); on != switches().end()) {
      if (value != "false") agent[on->second] = true;
    } else if (const auto text = text_flags().find(flag);
               text != text_flags().end() || flag == "config") {
      if (!has_value && i + 1 < argv.size()) value = argv[++i];
      if (flag == "config") {
        config = value;
      } else {
        agent[text->second] = value;
      }
    } else {
      say(fds[2], "flag provided but not defined: -" + flag + "\n");
      return 1;
    }
  }
  const std::string overrides =
      agent.empty() ? "" : nlohmann::json{{"agent", std::move(agent)}}.dump();
  call.emit(SIGNET_KIND_RUN_PLAN,
            signet_run_plan{sizeof(signet_run_plan), expand_env ? 1u : 0u, to_abi(config),
                            bytes_to_abi(overrides), word == "validate" ? 1u : 0u, 0});
  return 0;
}

}  // namespace signet::agent::cli
