// SelfCheck: whether the role still answers at its own socket.
//
// One thread, which now and then connects, says HTTP/2's first words and a PING, and waits for the
// PING's answer, or is sent away as one too many. Either comes from the loop that serves all
// callers and needs nothing else: no worker, no database, no other server. So only a process that
// hangs fails it, which nothing but a new start helps; whoever merely waits for something outside,
// or has more callers than it takes, passes.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace signet::health_http {

class SelfCheck {
 public:
  struct Times {
    std::chrono::nanoseconds every = std::chrono::seconds(10);
    std::chrono::nanoseconds patience = std::chrono::seconds(10);  // with one answer
    std::chrono::nanoseconds lost = std::chrono::seconds(60);      // without any
  };
  /// path   of a Unix socket on which HTTP/2 is served, sooner or later
  explicit SelfCheck(std::string path) : SelfCheck(std::move(path), Times()) {}
  SelfCheck(std::string path, Times times);
  SelfCheck(const SelfCheck&) = delete;
  SelfCheck& operator=(const SelfCheck&) = delete;
  ~SelfCheck();

  /// False when it answered once and has not for that long.
  bool live() const;

 private:
  void run();
  bool answers() const;

  const std::string path_;
  const Times times_;
  std::atomic<std::int64_t> answered_ns_{0};  // 0: never yet
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace signet::health_http
