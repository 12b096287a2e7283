// Hold: callers that match no entry yet wait a moment for one instead of being refused.
//
// A workload may call before its entry has reached this agent, or before the agent has reached its
// server. It is refused when it has waited for `time` and it is certain that the server had no
// entry for it when it called; if that cannot be found out in as much time again, or before the
// call's own deadline, it is told that the agent is not sure, which clients take as "try again".
// Their number is bounded, and one user has a quarter of it at most.
//
// Safe from any thread. Nothing is called with the lock held but `gone`, and nothing of a caller's
// ends under it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "loop.h"

namespace signet::agent {

class Hold {
 public:
  struct Options {
    std::chrono::nanoseconds time{0};  // 0: nobody is held, as SPIRE has it
    std::size_t most = 4096;
  };
  struct Caller {
    std::uint32_t uid = 0;
    std::int64_t deadline_ns = INT64_MAX;      // of its call
    std::function<bool()> gone;                // its call is over
    std::function<void(bool confirmed)> over;  // the wait is; on a worker, unless drop() came first
  };
  /// ask   the server should be asked for everything, soon; due: for somebody who has waited
  ///       almost for long enough. Called often.
  Hold(Host host, Options options, std::function<void(bool due)> ask);

  bool enabled() const { return options_.time.count() > 0; }
  /// Its number; nothing when it cannot be held.
  std::optional<std::uint64_t> take(Caller caller);
  void drop(std::uint64_t number);
  /// Everything that the server had committed at this moment (monotonic) has been looked at.
  void level(std::int64_t as_of_ns);
  std::size_t count() const;
  void start();
  /// Ends all waits, unconfirmed; nobody is held any more.
  void stop();

 private:
  struct Held {
    Caller caller;
    std::int64_t since_ns, due_ns, last_ns;
  };
  using Callers = std::map<std::uint64_t, Held>;
  Callers::node_type extract_locked(Callers::iterator at);
  std::chrono::nanoseconds round();

  const Host host_;
  const Options options_;
  const std::function<void(bool)> ask_;
  mutable std::mutex mutex_;
  Callers held_;
  std::unordered_map<std::uint32_t, std::size_t> of_user_;
  std::uint64_t last_number_ = 0;
  std::int64_t level_ns_ = 0;
  bool stopped_ = false;
  Loop loop_;  // last: it ends before what it looks at
};

}  // namespace signet::agent
