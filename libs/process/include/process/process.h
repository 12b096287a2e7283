// Process: one process, held by its folder in /proc.
//
// The folder is opened once and everything is read relative to it. An open /proc/PID stays with
// its process: after that has ended, reads fail, also when another process has got its number.
// What must be shown once is that the folder is the peer's, see open().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <sys/types.h>

#include "signet/abi/workload_attestor.h"
#include "signet/fd.h"
#include "signet/status.h"

namespace signet::process {

// From /proc/PID/status.
struct Credentials {
  std::uint32_t uid = 0;              // effective
  std::uint32_t gid = 0;              // effective
  std::vector<std::uint32_t> groups;  // supplementary
};

/// Reads the lines Uid, Gid and Groups of a status file. A file without Groups has none.
/// Errors   kInternal: Uid or Gid is missing, or a number is none
Result<Credentials> parse_status(std::string_view status);

/// Field 22 of a stat file. Errors   kInternal
Result<std::uint64_t> parse_start_time(std::string_view stat);

class Process {
 public:
  /// Opens the peer's folder below `proc_root` and shows that it is the peer's: by its pidfd
  /// where proc_root is our own /proc (it has not ended after the folder was opened, so its
  /// number was its own then), else by its start time.
  /// Errors   kInternal: the process has ended, or /proc cannot be read
  static Result<Process> open(const std::string& proc_root, const signet_workload_peer& peer);
  /// Whichever process has the number now. Errors   kInternal
  static Result<Process> open_now(const std::string& proc_root, std::int32_t pid);

  Result<Credentials> credentials() const;
  /// The program, whatever namespace its path is in. It is held, so that path and content are the
  /// same file's though the process becomes another program meanwhile.
  Result<Fd> hold_program() const;
  /// The text of the link to a program that is held, as the kernel gives it.
  Result<std::string> path_of(const Fd& program) const;
  /// It, to be read.
  Result<Fd> open_held(const Fd& program) const;
  /// Ok while the process has not ended.
  Status check() const;
  /// A file of the folder, such as "cgroup". Errors   kInternal, also when it has more than
  /// `max_size` bytes
  Result<std::string> read(const char* name, std::size_t max_size) const;
  /// What stat() tells of `name`, such as "exe", that is, of what it leads to; "": of the folder.
  Result<struct stat> look_at(const char* name) const;
  /// What `name`, such as "ns/mnt", leads to: two processes that share it have the same here.
  Result<std::pair<dev_t, ino_t>> identity_of(const char* name) const;
  /// Field 22 of its stat, in ticks since the boot.
  Result<std::uint64_t> start_time() const;

 private:
  static Result<Fd> open_folder(const std::string& proc_root, const signet_workload_peer& peer);
  Process(Fd folder, const signet_workload_peer& peer, bool by_start_time)
      : folder_(std::move(folder)), peer_(peer), by_start_time_(by_start_time) {}

  Fd folder_;
  signet_workload_peer peer_;
  bool by_start_time_;
};

}  // namespace signet::process
