// The kernel's own words: help, version, validate, plugin list, plugin inspect.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "life/supervisor.h"

namespace signet::kernel {

/// The exit code when words[0] is one of the kernel's, or when there is no word.
std::optional<int> run_kernel_word(Process& process, Supervisor& supervisor,
                                   const std::vector<std::string>& words);

/// Help on stderr; 127, as a shell has it for a command it does not find.
int print_unknown_word(Process& process, const std::string& word);

/// Validates and prints every finding. Returns 0 or 1.
int print_validation(Supervisor& supervisor, const PluginFile& role, const ConfigSource& source);

}  // namespace signet::kernel
