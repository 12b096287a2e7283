#include "unix_listener.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "signet/fd.h"

namespace signet::rpc_grpc {
namespace {

std::string octal(mode_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

Status failed(const std::string& path, const std::string& what, int error) {
  return Status::failed_precondition("cannot listen on " + path + ": " + what + ": " +
                                     std::strerror(error));
}

bool ours(uid_t uid) { return uid == 0 || uid == geteuid(); }

// A folder others can write to is no place for a socket: they could rename ours away. A sticky
// folder of root's may lie on the way to it, since the next part of the path is root's or ours.
Status check_folder(const std::string& path, const std::string& part, const struct stat& st,
                    bool* sticky) {
  const bool writable = (st.st_mode & 0022) != 0;
  *sticky = writable && (st.st_mode & S_ISVTX) && st.st_uid == 0;
  if (!ours(st.st_uid)) {
    return Status::permission_denied("cannot listen on " + path + ": " + part + " belongs to uid " +
                                     std::to_string(st.st_uid) +
                                     "; chown it to root or the service's user");
  }
  if (writable && !*sticky) {
    return Status::permission_denied("cannot listen on " + path + ": " + part + " has mode " +
                                     octal(st.st_mode) +
                                     " and can be written by others; chmod go-w " + part);
  }
  return {};
}

// Opens the folder of `path`, part by part from the root and never through a symlink, making what
// is missing.
Result<Fd> open_folder(const std::string& path, mode_t folder_mode) {
  Fd at(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (at.get() < 0) return failed(path, "/", errno);
  bool sticky = false;  // of the folder that was opened last
  std::string so_far;
  const std::string_view folder = std::string_view(path).substr(0, path.rfind('/'));
  for (std::size_t begin = 0; begin < folder.size();) {
    std::size_t end = folder.find('/', begin);
    if (end == folder.npos) end = folder.size();
    const std::string part(folder.substr(begin, end - begin));
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..")
      return Status::invalid_argument("cannot listen on " + path + ": \"..\" in the path");
    so_far += "/" + part;
    bool made = false;
    if (mkdirat(at.get(), part.c_str(), 0700) == 0) {
      made = true;
    } else if (errno != EEXIST) {
      return failed(path, "cannot make the folder " + so_far, errno);
    }
    Fd next(openat(at.get(), part.c_str(), O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC));
    if (next.get() < 0 && errno == EACCES) {
      next = Fd(openat(at.get(), part.c_str(), O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC));
    }
    if (next.get() < 0) {
      const int error = errno;
      if (error == ELOOP || error == ENOTDIR) {
        return Status::permission_denied(
            "cannot listen on " + path + ": " + so_far +
            " is a symbolic link or not a folder; name the real folder");
      }
      return failed(path, so_far, error);
    }
    // The exact mode under any umask: mkdir takes the umask off, chmod does not. By name, since a
    // folder that the umask took from its owner too cannot be opened for fchmod.
    if (made && fchmodat(at.get(), part.c_str(), folder_mode, AT_SYMLINK_NOFOLLOW) != 0)
      return failed(path, "cannot set the mode of " + so_far, errno);
    struct stat st {};
    if (fstat(next.get(), &st) != 0) return failed(path, so_far, errno);
    SIGNET_RETURN_IF_ERROR(check_folder(path, so_far, st, &sticky));
    at = std::move(next);
  }
  if (sticky) {
    return Status::permission_denied(
        "cannot listen on " + path + ": anybody may put a socket into " + so_far +
        " and be taken for us while we are away; name " + so_far + "/signet" +
        path.substr(path.rfind('/')) + " or another folder of its own");
  }
  return at;
}

// A socket file that is there already: refuse a living one, remove a dead one.
Status clear_path(int folder, const std::string& path, const std::string& leaf,
                  const sockaddr_un& address, socklen_t size) {
  struct stat st {};
  if (fstatat(folder, leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Status() : failed(path, "stat", errno);
  }
  if (!S_ISSOCK(st.st_mode)) {
    return Status::failed_precondition("cannot listen on " + path +
                                       ": a file that is no socket is in the way");
  }
  const Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (probe.get() < 0) return failed(path, "socket", errno);
  // EAGAIN means a full backlog: somebody listens there, only slowly.
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0 ||
      errno == EAGAIN) {
    return Status::already_exists("cannot listen on " + path +
                                  ": another process is listening there");
  }
  if (errno != ECONNREFUSED)
    return failed(path, "cannot tell whether the socket there is in use", errno);
  if (unlinkat(folder, leaf.c_str(), 0) != 0 && errno != ENOENT)
    return failed(path, "cannot remove the dead socket", errno);
  return {};
}

}  // namespace

Result<BoundSocket> bind_unix(const std::string& path, mode_t socket_mode, mode_t folder_mode) {
  const std::string leaf = path.substr(path.rfind('/') + 1);
  if (leaf.empty() || leaf == "." || leaf == "..")
    return Status::invalid_argument("cannot listen on " + path + ": no file name");
  SIGNET_TRY(const Fd folder, open_folder(path, folder_mode));

  // Addressed through the open folder, so that nothing on the way can change any more and the
  // length limit of a socket address concerns only the last part.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string through = "/proc/self/fd/" + std::to_string(folder.get()) + "/" + leaf;
  if (path.size() >= sizeof address.sun_path) {
    return Status::invalid_argument("cannot listen on " + path + ": longer than the " +
                                    std::to_string(sizeof address.sun_path - 1) +
                                    " bytes of a socket path");
  }
  const std::string& name = through.size() < sizeof address.sun_path ? through : path;
  std::memcpy(address.sun_path, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + 1);

  SIGNET_RETURN_IF_ERROR(clear_path(folder.get(), path, leaf, address, size));
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return failed(path, "socket", errno);
  // Nobody can connect before listen(), so the moment between bind and chmod is harmless.
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
    return failed(path, "bind", errno);
  BoundSocket bound;
  struct stat st {};
  if (fchmodat(folder.get(), leaf.c_str(), socket_mode, 0) != 0 ||
      fstatat(folder.get(), leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    const int error = errno;
    unlinkat(folder.get(), leaf.c_str(), 0);
    return failed(path, "cannot set the socket's mode", error);
  }
  bound.fd = fd.release();
  bound.path = path;
  bound.device = st.st_dev;
  bound.inode = st.st_ino;
  return bound;
}

void unlink_socket(const BoundSocket& socket) {
  struct stat st {};
  if (lstat(socket.path.c_str(), &st) == 0 && st.st_dev == socket.device &&
      st.st_ino == socket.inode) {
    unlink(socket.path.c_str());
  }
}

}  // namespace signet::rpc_grpc
