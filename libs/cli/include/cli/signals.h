// Ctrl-C while a command runs.
//
// The kernel blocks the stop signals in all threads, for the life cycle to take them one by one.
// A command has no life cycle: within the life of a StopSignals its thread takes them, and they
// end the process as they end any other.
#pragma once

#include <signal.h>

namespace signet::cli {

class StopSignals {
 public:
  StopSignals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
    pthread_sigmask(SIG_UNBLOCK, &set, &before_);
  }
  ~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace signet::cli
