#include "caller_process.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/syscall.h>

namespace signet::agent {
namespace {

Status gone() { return Status::unavailable("caller is no longer being watched"); }

// Reads at most the buffer from a file below /proc/PID; "" when it is gone.
std::string_view read_small(int proc, const char* name, std::array<char, 4096>& buffer) {
  const Fd fd(openat(proc, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return {};
  const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
  return n > 0 ? std::string_view(buffer.data(), static_cast<std::size_t>(n)) : std::string_view();
}

// The whole of a file below /proc/PID; "" when the kernel has none. False when it is too long: what
// lies beyond could change unseen.
bool read_whole(int proc, const char* name, std::string& text) {
  constexpr std::size_t kMost = std::size_t{64} << 10;
  const Fd fd(openat(proc, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return true;
  std::array<char, 4096> buffer;
  while (text.size() <= kMost) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) return true;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return false;
}

// Field 22 of /proc/PID/stat. The command name may hold anything, so fields count from the last
// ')'.
bool read_start_time(int proc, std::uint64_t& start_time) {
  std::array<char, 4096> buffer;
  std::string_view text = read_small(proc, "stat", buffer);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return false;
  text.remove_prefix(name_end + 1);
  for (int field = 2; field < 22; ++field) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return false;
    text.remove_prefix(space + 1);
  }
  return std::from_chars(text.data(), text.data() + text.size(), start_time).ec == std::errc();
}

// The effective ID on a "Uid:" or "Gid:" line, the second number.
bool effective_id(std::string_view status, std::string_view label, std::uint32_t& id) {
  std::size_t at = status.find(label);
  if (at == std::string_view::npos) return false;
  at += label.size();
  for (int number = 0; number < 2; ++number) {
    at = status.find_first_not_of(" \t", at);
    if (at == std::string_view::npos) return false;
    if (number == 0) at = status.find_first_of(" \t", at);
  }
  return std::from_chars(status.data() + at, status.data() + status.size(), id).ec == std::errc();
}

}  // namespace

Result<std::shared_ptr<const CallerProcess>> CallerProcess::pin(const RpcPeer& peer) {
  if (peer.pid <= 0) return Status::unavailable("the caller's process is not known");
  std::shared_ptr<CallerProcess> self(new CallerProcess);
  std::array<char, 32> path;
  std::snprintf(path.data(), path.size(), "/proc/%d", peer.pid);
  self->proc_ = Fd(::open(path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!self->proc_) return gone();
  if (peer.pidfd >= 0) self->pidfd_ = Fd(fcntl(peer.pidfd, F_DUPFD_CLOEXEC, 3));
  self->peer_ = {sizeof(signet_workload_peer),
                 peer.pid,
                 self->pidfd_.get(),
                 peer.uid,
                 peer.gid,
                 0,
                 peer.start_time};
  // Between accept() and here the ID may have passed to another process: the directory just
  // opened must be that of the process that connected.
  std::uint64_t start_time = 0;
  if (!read_start_time(self->proc_.get(), start_time) || start_time != peer.start_time ||
      !self->alive())
    return gone();
  return std::shared_ptr<const CallerProcess>(std::move(self));
}

Result<std::shared_ptr<const CallerProcess>> CallerProcess::open(std::int32_t pid) {
  if (pid <= 0) return Status::unavailable("there is no process with this number");
  RpcPeer peer{};
  peer.pid = pid;
  // The descriptor first: it is of one process for ever, and pin() finds out whether what is read
  // of the number afterwards still is that one's.
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd && errno != ENOSYS) return gone();
  peer.pidfd = pidfd.get();
  const Fd proc(
      ::open(("/proc/" + std::to_string(pid)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc || !read_start_time(proc.get(), peer.start_time)) return gone();
  std::array<char, 4096> buffer;
  const std::string_view status = read_small(proc.get(), "status", buffer);
  if (!effective_id(status, "\nUid:", peer.uid) || !effective_id(status, "\nGid:", peer.gid)) {
    return gone();
  }
  return pin(peer);
}

bool CallerProcess::alive() const {
  if (peer_.pidfd >= 0) {  // readable once the process has exited
    pollfd p = {peer_.pidfd, POLLIN, 0};
    if (poll(&p, 1, 0) != 0) return false;
  }
  // The directory answers only while its process exists, whatever happens to the number.
  struct stat owner {};
  if (fstatat(proc_.get(), "stat", &owner, 0) != 0 || fstat(proc_.get(), &owner) != 0) return false;
  if (owner.st_uid == peer_.uid && owner.st_gid == peer_.gid) return true;
  // The directory of a process that is not dumpable belongs to root; its status says who it is.
  std::array<char, 4096> buffer;
  const std::string_view status = read_small(proc_.get(), "status", buffer);
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  return effective_id(status, "\nUid:", uid) && effective_id(status, "\nGid:", gid) &&
         uid == peer_.uid && gid == peer_.gid;
}

Result<ProcessFingerprint> CallerProcess::fingerprint() const {
  ProcessFingerprint print;
  struct stat exe {};
  struct stat owner {};
  if (fstat(proc_.get(), &owner) != 0) return gone();
  // A kernel thread or a process being torn down has no executable; that is a fingerprint too.
  if (fstatat(proc_.get(), "exe", &exe, 0) == 0) {
    print.exe_device = exe.st_dev;
    print.exe_inode = exe.st_ino;
    print.exe_changed_ns = exe.st_ctim.tv_sec * std::int64_t{1'000'000'000} + exe.st_ctim.tv_nsec;
  }
  print.uid = owner.st_uid;
  print.gid = owner.st_gid;
  if (!read_whole(proc_.get(), "cgroup", print.cgroup)) return gone();
  return print;
}

}  // namespace signet::agent
