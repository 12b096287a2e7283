// What the process gives up before it runs a role.
#pragma once

#include "signet/status.h"

namespace signet::kernel {

/// Refuses LD_PRELOAD and LD_LIBRARY_PATH, which put code into the process past the trust
/// walk, unless SIGNET_ALLOW_PRELOAD=1.
Status check_environment();

/// Few malloc arenas, umask at least 027, as many descriptors as the hard limit gives: for every
/// command.
void settle_process();

/// SIGNET_DEBUG=1: a debugger or profiler is to look at the process.
bool debugging();

/// No core dumps and not dumpable (the latter not where a sanitizer is built in; neither when
/// debugging): for a process that runs a role.
void harden_process();

}  // namespace signet::kernel
