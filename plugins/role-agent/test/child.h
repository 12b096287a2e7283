// A process that waits until it is ended, for tests of who stands behind a number.
#pragma once

#include <csignal>
#include <fstream>
#include <string>
#include <unistd.h>

#include <sys/syscall.h>
#include <sys/wait.h>

#include "signet/rpc/peer.h"

namespace signet::agent::test {

class Child {
 public:
  Child() : pid_(fork()) {
    if (pid_ == 0) {
      pause();
      _exit(0);
    }
    pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    peer_.pid = pid_;
    peer_.pidfd = pidfd_;
    peer_.uid = getuid();
    peer_.gid = getgid();
    std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
    std::string word;
    for (int field = 1; field <= 22; ++field) stat >> word;
    peer_.start_time = std::stoull(word);
  }
  ~Child() {
    end();
    close(pidfd_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void end() {
    if (ended_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    ended_ = true;
  }
  pid_t pid() const { return pid_; }
  RpcPeer& peer() { return peer_; }

 private:
  pid_t pid_;
  int pidfd_ = -1;
  bool ended_ = false;
  RpcPeer peer_{};
};

}  // namespace signet::agent::test
