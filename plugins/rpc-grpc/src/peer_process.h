// The process behind a Unix connection: the one that connected, whoever holds its number later.
//
// SO_PEERCRED names a pid, and a pid can be used again. The pidfd names that very process, and the
// start time lets a reader of /proc tell them apart. From Linux 6.5 on the socket itself keeps the
// process (SO_PEERPIDFD), so that a caller who says nothing need not cost a second descriptor;
// before, only a pidfd that is opened at once is likely to be of the one that connected.
#pragma once

#include <cstdint>

#include <sys/socket.h>
#include <sys/types.h>

#include "signet/status.h"

namespace signet::rpc_grpc {

/// As they were when it connected.
/// Errors: kPermissionDenied when the peer is outside our pid namespace (pid 0).
Result<ucred> peer_credentials(int socket);

/// Whether peer_process() may wait: the kernel keeps the process with the socket. Told by any Unix
/// socket that listens or is connected.
bool keeps_its_peer(int socket);

struct PeerProcess {
  int pidfd = -1;           // the caller closes it; -1 where the kernel has no pidfds
  uint64_t start_time = 0;  // field 22 of /proc/PID/stat, clock ticks since boot
};

/// The process that connected, and that had `pid` then.
/// Errors: kUnavailable when it is gone already, or there are no descriptors left.
Result<PeerProcess> peer_process(int socket, pid_t pid);

/// Field 22 of /proc/PID/stat; 0 when it cannot be read. The command name may hold anything, so
/// fields count from the last ')'.
uint64_t process_start_time(pid_t pid);

}  // namespace signet::rpc_grpc
