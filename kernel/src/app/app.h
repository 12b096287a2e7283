// The command line: finds the plugin that owns the first word, runs its command, and does
// the life cycle when that asks for it. The kernel itself knows four words.
#pragma once

#include <string>
#include <vector>

namespace signet::kernel {

/// argv[0] is the program's name. Returns the exit code.
int run_app(const std::vector<std::string>& argv);

}  // namespace signet::kernel
