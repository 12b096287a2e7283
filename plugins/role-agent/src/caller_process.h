// CallerProcess: a local peer, or a process that a delegate named, pinned so that a reused process
// ID can never stand for it.
//
// The transport hands over pid, pidfd and start time of the process that made the connection. This
// class keeps its own descriptors (the pidfd and /proc/PID), so it outlives the call it came with.
// All checks are a few system calls.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <sys/types.h>

#include "signet/abi/workload_attestor.h"
#include "signet/fd.h"
#include "signet/rpc/peer.h"
#include "signet/status.h"

#include "process/process.h"

namespace signet::agent {

// What must not change under a cached attestation. The executable's file (with the time of its
// last change, since a file system gives an inode away again), who it runs as, and the cgroups it
// is in, as /proc/PID/cgroup names them.
struct ProcessFingerprint {
  dev_t exe_device = 0;
  ino_t exe_inode = 0;
  std::int64_t exe_changed_ns = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string cgroup;
  bool operator==(const ProcessFingerprint&) const = default;
};

class CallerProcess {
 public:
  /// Duplicates the peer's pidfd and opens /proc/PID.
  /// Errors   kUnavailable: the process is gone, or is not the one that connected
  static Result<std::shared_ptr<const CallerProcess>> pin(const RpcPeer& peer);

  /// The process that has this number now, whoever named it.
  /// Errors   kUnavailable: there is none
  static Result<std::shared_ptr<const CallerProcess>> open(std::int32_t pid);

  /// The same process still lives and still runs as the user that connected.
  bool alive() const;
  /// Errors   kUnavailable: the process is gone, or the names of its cgroups are too long
  Result<ProcessFingerprint> fingerprint() const;
  /// For attestors; the descriptor lives as long as this.
  const signet_workload_peer& peer() const { return peer_; }

 private:
  CallerProcess(const signet_workload_peer& peer, Fd pidfd, process::Process process)
      : peer_(peer), pidfd_(std::move(pidfd)), process_(std::move(process)) {}

  const signet_workload_peer peer_;
  const Fd pidfd_;  // peer_'s
  const process::Process process_;
};

}  // namespace signet::agent
