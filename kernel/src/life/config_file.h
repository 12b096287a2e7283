// A configuration file read for a plugin: another role's, which nobody here runs.
#pragma once

#include <string>

#include "signet/status.h"

namespace signet::kernel {

/// The file as JSON, in the form that abi/host.h gives config.read_file. Only its syntax is
/// checked. A relative plugin_data_file is looked for where the process runs, as at a start.
/// Errors   of the readers, with a position
Result<std::string> read_config_file(const std::string& path, bool expand_env);

}  // namespace signet::kernel
