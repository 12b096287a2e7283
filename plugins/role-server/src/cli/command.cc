#include "cli/command.h"

#include <unistd.h>

#include "signet/abi/role.h"

namespace signet::server::cli {
namespace {

void say(int fd, const std::string& text) {
  [[maybe_unused]] const ssize_t n = write(fd, text.data(), text.size());
}

}  // namespace

int run(const Host&, const Call& call, const std::vector<std::string>& argv, const int fds[3]) {
  const std::string word = argv.size() > 1 ? argv[1] : "";
  if (word != "run" && word != "validate") {
    say(fds[2], "usage: server run|validate [-config FILE] [-expandEnv]\n");
    return 127;
  }
  std::string config = "conf/server/server.conf";
  bool expand_env = false;
  for (std::size_t i = 2; i < argv.size(); ++i) {
    if (argv[i] == "-config" && i + 1 < argv.size()) {
      config = argv[++i];
    } else if (argv[i] == "-expandEnv") {
      expand_env = true;
    } else {
      say(fds[2], "flag provided but not defined: " + argv[i] + "\n");
      return 1;
    }
  }
  call.emit(SIGNET_KIND_RUN_PLAN,
            signet_run_plan{sizeof(signet_run_plan), expand_env ? 1u : 0u, to_abi(config), {},
                            word == "validate" ? 1u : 0u, 0});
  return 0;
}

}  // namespace signet::server::cli
