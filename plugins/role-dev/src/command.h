// The word `signet dev`: flags become the settings of a run that has no file.
#pragma once

#include <string>
#include <vector>

#include "signet/plugin.h"

namespace signet::dev {

/// The exit code; a run plan is emitted when it is 0 and no help was asked for.
int run_command(const Call& call, const std::vector<std::string>& argv, const int fds[3]);

}  // namespace signet::dev
