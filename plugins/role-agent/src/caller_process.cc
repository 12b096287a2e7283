#include "caller_process.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>
#include <sys/syscall.h>

namespace signet::agent {
namespace {

using process::Process;

constexpr char kProc[] = "/proc";
constexpr std::size_t kMostCgroups = std::size_t{64} << 10;  // bytes of their names

Status gone() { return Status::unavailable("caller is no longer being watched"); }

}  // namespace

Result<std::shared_ptr<const CallerProcess>> CallerProcess::pin(const RpcPeer& peer) {
  if (peer.pid <= 0) return Status::unavailable("the caller's process is not known");
  Fd pidfd;
  if (peer.pidfd >= 0) {
    pidfd = Fd(fcntl(peer.pidfd, F_DUPFD_CLOEXEC, 3));
    if (!pidfd) return gone();
  }
  const signet_workload_peer pinned = {
      sizeof(signet_workload_peer), peer.pid, pidfd.get(), peer.uid, peer.gid, 0, peer.start_time};
  Result<Process> process = Process::open(kProc, pinned);
  if (!process) return gone();
  const std::shared_ptr<const CallerProcess> self(
      new CallerProcess(pinned, std::move(pidfd), std::move(*process)));
  // Between accept() and here the ID may have passed to another process: the directory just
  // opened must be that of the process that connected.
  const Result<std::uint64_t> start_time = self->process_.start_time();
  if (!start_time || *start_time != peer.start_time || !self->alive()) return gone();
  return self;
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
  const Result<Process> process = Process::open_now(kProc, pid);
  if (!process) return gone();
  const Result<std::uint64_t> start_time = process->start_time();
  const Result<process::Credentials> runs_as = process->credentials();
  if (!start_time || !runs_as) return gone();
  peer.start_time = *start_time;
  peer.uid = runs_as->uid;
  peer.gid = runs_as->gid;
  return pin(peer);
}

bool CallerProcess::alive() const {
  if (!process_.check().ok()) return false;
  // The directory answers only while its process exists, whatever happens to the number.
  if (!process_.look_at("stat")) return false;
  const Result<struct stat> owner = process_.look_at("");
  if (!owner) return false;
  if (owner->st_uid == peer_.uid && owner->st_gid == peer_.gid) return true;
  // The directory of a process that is not dumpable belongs to root; its status says who it is.
  const Result<process::Credentials> runs_as = process_.credentials();
  return runs_as && runs_as->uid == peer_.uid && runs_as->gid == peer_.gid;
}

Result<ProcessFingerprint> CallerProcess::fingerprint() const {
  ProcessFingerprint print;
  const Result<struct stat> owner = process_.look_at("");
  if (!owner) return gone();
  // A kernel thread or a process being torn down has no executable; that is a fingerprint too.
  if (const Result<struct stat> exe = process_.look_at("exe")) {
    print.exe_device = exe->st_dev;
    print.exe_inode = exe->st_ino;
    print.exe_changed_ns = exe->st_ctim.tv_sec * std::int64_t{1'000'000'000} + exe->st_ctim.tv_nsec;
  }
  print.uid = owner->st_uid;
  print.gid = owner->st_gid;
  // A kernel without cgroups has no such file. Of one that is too long the end could change unseen.
  if (process_.look_at("cgroup")) {
    Result<std::string> cgroup = process_.read("cgroup", kMostCgroups);
    if (!cgroup) return gone();
    print.cgroup = std::move(*cgroup);
  }
  return print;
}

}  // namespace signet::agent
