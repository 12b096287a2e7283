// The life of a process that runs a role: start, wait for a signal or a quit, stop.
#pragma once

#include "life/supervisor.h"

namespace signet::kernel {

/// Returns the exit code: 0 after SIGINT or SIGTERM, 1 when the start failed, else the
/// code of the plugin that asked to quit.
int run_role(Process& process, Supervisor& supervisor, const PluginFile& role,
             const ConfigSource& source);

}  // namespace signet::kernel
