// Child: a process to be attested, which waits until it is ended.
#pragma once

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "signet/abi/workload_attestor.h"

namespace signet::conformance {

class Child {
 public:
  /// As root: of the user and group with this number, and in so many further groups.
  explicit Child(std::uint32_t id = 1, std::size_t group_count = 0) {
    std::vector<std::uint32_t> groups(group_count);
    std::iota(groups.begin(), groups.end(), 1'000'000);
    const bool root = ::geteuid() == 0;
    int ready[2];
    if (::pipe(ready) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      // Only the calling thread's, which is all that there is of a child.
      const bool good = !root || (::syscall(SYS_setgroups, groups.size(), groups.data()) == 0 &&
                                  ::syscall(SYS_setresgid, id, id, id) == 0 &&
                                  ::syscall(SYS_setresuid, id, id, id) == 0);
      const char byte = good ? 'y' : 'n';
      if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1 || byte != 'y') std::abort();
    ::close(ready[0]);
    ::close(ready[1]);
    peer_ = {sizeof(signet_workload_peer),
             pid_,
             static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)),
             root ? id : ::geteuid(),
             root ? id : ::getegid(),
             0,
             start_time()};
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    end();
    if (peer_.pidfd >= 0) ::close(peer_.pidfd);
  }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// As the agent tells it; valid also when the process has ended.
  const signet_workload_peer& peer() const { return peer_; }

 private:
  // proc_pid_stat(5): the name, field 2, may hold anything but ends with the last ')'.
  std::uint64_t start_time() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    std::istringstream rest(text.substr(text.rfind(')') + 1));
    std::string word;
    for (int field = 3; field <= 22; ++field) rest >> word;
    return std::strtoull(word.c_str(), nullptr, 10);
  }

  pid_t pid_ = -1;
  signet_workload_peer peer_{};
};

}  // namespace signet::conformance
