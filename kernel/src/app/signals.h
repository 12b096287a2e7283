// Signals: one thread takes them all; every other thread has them blocked.
#pragma once

#include <functional>
#include <thread>

namespace signet::kernel {

/// Blocks the signals that SignalThread takes and ignores SIGPIPE. To be called before any
/// thread exists, so that all inherit it.
void block_signals();

class SignalThread {
 public:
  /// `on_signal` runs on the thread, one signal at a time.
  explicit SignalThread(std::function<void(int)> on_signal);
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

 private:
  std::function<void(int)> on_signal_;
  int stop_fd_ = -1;
  std::thread thread_;
};

}  // namespace signet::kernel
