// WatchHub: tells watchers that the log has grown.
//
// A watch is a call that stays open. One thread, woken by commits and cancels, emits the
// latest revision to each watcher that has not been told of it; commits in between are
// skipped over, so a slow watcher costs nothing and is never behind for long.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "signet/abi/base.h"

namespace signet::datastore_sql {

class WatchHub {
 public:
  WatchHub() = default;
  ~WatchHub() { stop(); }
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  void start(std::uint64_t latest);
  /// Ends every watch with UNAVAILABLE; new ones are refused.
  void close();
  /// close(), and joins the thread.
  void stop();

  /// The log has reached `revision`. Any thread.
  void announce(std::uint64_t revision);

  /// Takes the call over: it ends at its cancel, or at close(). Any thread.
  /// Returns  SIGNET_PENDING, or SIGNET_UNAVAILABLE after close()
  signet_status watch(signet_call* call, std::uint64_t since);

 private:
  struct Watcher {
    bool due(const WatchHub& hub_now) const {
      return armed && (cancelled || !hub_now.open_ || told < hub_now.latest_);
    }

    WatchHub* hub;
    signet_call* call;
    std::uint64_t told;
    bool armed = false;  // its cancel function is set: it may be told and ended
    bool cancelled = false;
  };

  static void on_cancel(void* arg);
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
  std::uint64_t latest_ = 0;
  bool open_ = false;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  // Ended without a cancel: a cancel may still be on its way, so they are kept to the end.
  std::vector<std::unique_ptr<Watcher>> ended_;
};

}  // namespace signet::datastore_sql
