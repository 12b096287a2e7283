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

#include "signet/fd.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace signet::rpc_grpc {
namespace {

Status gone() { return Status::unavailable("the caller is gone"); }

// True once the process has ended: a pidfd is readable then.
bool ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return poll(&p, 1, 0) > 0;
}

// The pidfd that the kernel keeps for the socket's peer; -1 with errno.
int kept_pidfd(int socket) {
  int pidfd = -1;
  socklen_t size = sizeof pidfd;
  return getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0 ? pidfd : -1;
}

bool known_option(int pidfd) { return pidfd >= 0 || errno != ENOPROTOOPT; }

// Without SO_PEERPIDFD it may be of whoever has the number now. -1: the kernel has no pidfds.
Result<Fd> open_pidfd(int socket, pid_t pid) {
  Fd pidfd(kept_pidfd(socket));
  const bool kept = known_option(pidfd.get());
  if (!kept) pidfd = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd || (!kept && (errno == ENOSYS || errno == EPERM))) return pidfd;
  if (errno == EMFILE || errno == ENFILE) return Status::unavailable("out of file descriptors");
  return gone();
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

Result<ucred> peer_credentials(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Status::unavailable(std::string("cannot read the caller's credentials: ") +
                               std::strerror(errno));
  }
  if (credentials.pid == 0) {
    return Status::permission_denied("the caller is outside of this pid namespace");
  }
  return credentials;
}

bool keeps_its_peer(int socket) {
  const Fd pidfd(kept_pidfd(socket));
  return known_option(pidfd.get());
}

Result<PeerProcess> peer_process(int socket, pid_t pid) {
  SIGNET_TRY(Fd pidfd, open_pidfd(socket, pid));
  const uint64_t start_time = process_start_time(pid);
  // Still running after the read, so what was read belongs to the process of the pidfd.
  if (start_time == 0 || (pidfd && ended(pidfd.get()))) return gone();
  return PeerProcess{pidfd.release(), start_time};
}

}  // namespace signet::rpc_grpc
