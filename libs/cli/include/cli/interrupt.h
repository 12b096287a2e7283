// Interrupt: Ctrl-C while a command runs.
//
// The kernel takes the stop signals and cancels the command's call; what a command waits for ends
// then. What does not end within two seconds is ended by the kernel.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>

#include "signet/plugin.h"
#include "signet/rpc/client.h"

namespace signet::cli {

class Interrupt {
 public:
  /// One per call. `call` outlives it.
  explicit Interrupt(const Call& call);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool come() const { return come_; }
  /// Whether it came before or within that time.
  bool wait(std::chrono::milliseconds time) const;
  /// Readable once it came; for poll().
  int fd() const { return fd_; }

  // As long as this lives, the interrupt cancels `stream`; at once if it came before.
  class Cancels {
   public:
    Cancels(Interrupt& interrupt, ClientCall& stream) : interrupt_(interrupt) {
      interrupt_.watch(&stream);
    }
    ~Cancels() { interrupt_.watch(nullptr); }
    Cancels(const Cancels&) = delete;
    Cancels& operator=(const Cancels&) = delete;

   private:
    Interrupt& interrupt_;
  };

 private:
  void watch(ClientCall* stream);
  void arrive();

  const Call& call_;
  const int fd_;
  std::atomic<bool> come_{false};
  std::mutex mutex_;
  ClientCall* stream_ = nullptr;
};

}  // namespace signet::cli
