// Binding a Unix socket so that nobody else can stand in its place: the folder is made with an
// exact mode, no part of the path is a symlink or writable by others, and a path with a living
// listener is refused instead of taken over.
#pragma once

#include <string>

#include <sys/types.h>

#include "signet/status.h"

namespace signet::rpc_grpc {

struct BoundSocket {
  int fd = -1;
  std::string path;
  dev_t device = 0;  // of the socket file, so that unlink_socket() removes only our own
  ino_t inode = 0;
};

/// Bound with `socket_mode` under any umask, not yet listening. Missing folders are made with
/// `folder_mode`. Every message names the path and the cause.
/// Errors: kAlreadyExists a living listener; kPermissionDenied an unsafe folder;
/// kInvalidArgument a path too long for a socket; kFailedPrecondition the rest.
Result<BoundSocket> bind_unix(const std::string& path, mode_t socket_mode, mode_t folder_mode);

/// Removes the file if it is still the one bound.
void unlink_socket(const BoundSocket& socket);

}  // namespace signet::rpc_grpc
