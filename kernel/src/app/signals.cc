#include "app/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <utility>

#include <sys/eventfd.h>
#include <sys/signalfd.h>

namespace signet::kernel {
namespace {

sigset_t taken() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = taken();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

SignalThread::SignalThread(std::function<void(int)> on_signal)
    : on_signal_(std::move(on_signal)), stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "signals");
    const sigset_t set = taken();
    const int fd = signalfd(-1, &set, SFD_CLOEXEC);
    for (;;) {
      pollfd fds[2] = {{fd, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
      if (poll(fds, 2, -1) < 0) continue;
      if (fds[1].revents != 0) break;
      signalfd_siginfo info{};
      if (read(fd, &info, sizeof info) == sizeof info) on_signal_(static_cast<int>(info.ssi_signo));
    }
    close(fd);
  });
}

SignalThread::~SignalThread() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(stop_fd_, &one, sizeof one));
  thread_.join();
  close(stop_fd_);
}

}  // namespace signet::kernel
