// Loop: a piece of work that runs again and again on workers, one run at a time, at times that it
// chooses itself; kick() makes it run at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "signet/host.h"

namespace signet::agent {

class Loop {
 public:
  /// Does one round, may block, and says how long to wait for the next.
  using Round = std::function<std::chrono::nanoseconds()>;

  Loop(Host host, Round round) : host_(std::move(host)), round_(std::move(round)) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() { stop(); }

  void start(std::chrono::nanoseconds first);
  /// Runs soon; when it runs already, once more afterwards. From any thread, does not block.
  void kick();
  /// When it returns, the round is not running and never runs again. Not from within the round.
  void stop();

 private:
  struct Armed {  // a timer of the host that has not fired
    Loop* loop;
    std::uint64_t id = 0;
    std::int64_t at = 0;
  };
  void arm_locked(std::int64_t at);
  void fired(Armed* armed);
  void run(std::unique_lock<std::mutex>& lock);

  const Host host_;
  const Round round_;
  std::mutex mutex_;
  std::condition_variable quiet_;
  std::list<std::unique_ptr<Armed>> armed_;
  std::int64_t due_ = INT64_MAX;  // monotonic
  bool started_ = false;
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace signet::agent
