// The server's command line: "signet server ..." and "spire-server ...".
#pragma once

#include <string>
#include <vector>

#include "signet/plugin.h"

namespace signet::server::cli {

/// argv[0] is the word that chose this role. Uses fds[0] to fds[2]. `run` and `validate`
/// emit a RUN_PLAN (abi/role.h) for the kernel to go on with.
/// Returns   the exit code. Errors   kCancelled: Ctrl-C ended it
Result<int> run(const Host& host, const Call& call, const std::vector<std::string>& argv,
                const int fds[3]);

}  // namespace signet::server::cli
