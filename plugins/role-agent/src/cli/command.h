// The agent's command line: "signet agent ..." and "spire-agent ...".
#pragma once

#include <string>
#include <vector>

#include "signet/plugin.h"

namespace signet::agent::cli {

/// argv[0] is the word that chose this role. Writes to fds[1] and fds[2]. `run` and `validate`
/// emit a RUN_PLAN (abi/role.h) for the kernel to go on with.
/// Returns   the exit code. Errors   kCancelled: Ctrl-C ended it
Result<int> run(const Host& host, const Call& call, const std::vector<std::string>& argv,
                const int fds[3]);

}  // namespace signet::agent::cli
