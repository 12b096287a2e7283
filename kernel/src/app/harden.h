// What the process gives up before it runs a role.
#pragma once

#include "signet/status.h"

namespace signet::kernel {

/// Refuses LD_PRELOAD and LD_LIBRARY_PATH, which put code into the process past the trust
/// walk, unless SIGNET_ALLOW_PRELOAD=1.
Status check_environment();

/// Few malloc arenas, umask at least 027: for every command.
void settle_process();

/// No core dumps, no new privileges, not dumpable (the last not where a sanitizer is built in, and
/// only the privileges with SIGNET_DEBUG=1): for a process that runs a role.
void harden_process();

}  // namespace signet::kernel
