// The process behind a Unix connection, fixed at the moment it was accepted.
//
// SO_PEERCRED names a pid, and a pid can be used again. The pidfd (SO_PEERPIDFD, Linux 6.5; else
// pidfd_open) names that very process, and the start time lets a reader of /proc tell them apart.
#pragma once

#include <cstdint>

#include <sys/types.h>

#include "signet/status.h"

namespace signet::rpc_grpc {

struct PeerProcess {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  int pidfd = -1;           // the caller closes it; -1 where the kernel has no pidfds
  uint64_t start_time = 0;  // field 22 of /proc/PID/stat, clock ticks since boot
};

/// Errors: kPermissionDenied when the peer is outside our pid namespace (pid 0);
/// kUnavailable when the process is gone already.
Result<PeerProcess> peer_process(int socket);

/// Field 22 of /proc/PID/stat; 0 when it cannot be read. The command name may hold anything, so
/// fields count from the last ')'.
uint64_t process_start_time(pid_t pid);

}  // namespace signet::rpc_grpc
