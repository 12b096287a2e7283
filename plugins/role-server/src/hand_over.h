// HandOver: work that is done on a worker whenever somebody has told of a change, one run at a
// time. Whoever tells holds locks and has no time; what is told during a run brings one more.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "signet/host.h"

namespace signet::server {

class HandOver {
 public:
  HandOver(Host host, std::function<void()> work)
      : host_(std::move(host)), work_(std::move(work)) {}
  ~HandOver() { stop(); }
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;

  /// The first run, with whatever was told before.
  void start();
  /// From any thread; before start() it says nothing.
  void tell();
  /// Waits for the run under way. Blocks.
  void stop();

 private:
  void run();

  const Host host_;
  const std::function<void()> work_;
  std::mutex mutex_;
  std::condition_variable idle_;
  bool started_ = false;
  bool changed_ = false;  // since the last run began
  bool running_ = false;  // a worker is at it, or was asked to
};

}  // namespace signet::server
