#include "peer_process.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace signet::rpc_grpc {
namespace {

// True once the process has ended: a pidfd is readable then.
bool ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return poll(&p, 1, 0) > 0;
}

int open_pidfd(int socket, pid_t pid) {
  int pidfd = -1;
  socklen_t size = sizeof pidfd;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) return pidfd;
  if (errno != ENOPROTOOPT) return -1;
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

}  // namespace

uint64_t process_start_time(pid_t pid) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[1024];
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return 0;
  text[n] = 0;
  const char* at = std::strrchr(text, ')');
  if (!at) return 0;
  for (int field = 2; field < 22; ++field) {
    at = std::strchr(at, ' ');
    if (!at) return 0;
    ++at;
  }
  uint64_t value = 0;
  std::from_chars(at, text + n, value);
  return value;
}

Result<PeerProcess> peer_process(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Status::unavailable(std::string("cannot read the caller's credentials: ") +
                               std::strerror(errno));
  }
  if (credentials.pid == 0) {
    return Status::permission_denied("the caller is outside of this pid namespace");
  }
  PeerProcess peer{credentials.pid, credentials.uid, credentials.gid, -1, 0};
  peer.pidfd = open_pidfd(socket, peer.pid);
  if (peer.pidfd < 0 && errno != ENOSYS && errno != EPERM && errno != EINVAL) {
    return Status::unavailable("the caller is gone");
  }
  peer.start_time = process_start_time(peer.pid);
  // Still running after the read, so what was read belongs to the process of the pidfd.
  const bool gone = peer.start_time == 0 || (peer.pidfd >= 0 && ended(peer.pidfd));
  if (gone) {
    if (peer.pidfd >= 0) close(peer.pidfd);
    return Status::unavailable("the caller is gone");
  }
  return peer;
}

}  // namespace signet::rpc_grpc
