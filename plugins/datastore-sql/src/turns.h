// Turns: who of this process may write next, and how many connections are open at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "sql.h"

namespace signet::datastore_sql {

// One writer at a time. The turn stays with the thread that took it.
class WriterTurn {
 public:
  // Behind a write that has taken this long, so many of those without a deadline wait and the
  // others fail: whoever waits is a worker of its role, and reads need some.
  static constexpr std::chrono::milliseconds kSlow{1000};
  static constexpr std::size_t kMostBehindASlowOne = 16;

  /// Errors  kUnavailable: not within `wait`, or too many wait behind a slow write;
  ///         kFailedPrecondition: this thread has it already.
  Status take(std::chrono::nanoseconds wait);
  void give_back();

 private:
  using Clock = std::chrono::steady_clock;
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;
  Clock::time_point since_;
  std::size_t waiting_ = 0;
  std::thread::id thread_;
};

// Connections that are opened when needed and kept for the next who asks.
class ConnectionPool {
 public:
  struct Limits {
    std::size_t open = 16;  // at once; who comes later waits
    std::size_t idle = 4;   // kept open
    std::chrono::nanoseconds lifetime = std::chrono::nanoseconds::max();
    std::chrono::nanoseconds idle_time = std::chrono::nanoseconds::max();
  };
  using Open = std::function<Result<std::unique_ptr<sql::Connection>>()>;
  struct Taken {
    std::unique_ptr<sql::Connection> connection;
    bool used_before = false;  // it may have died meanwhile
  };

  ConnectionPool(const Limits& limits, Open open) : limits_(limits), open_(std::move(open)) {}

  /// fresh    not one that was used before
  /// Errors   kUnavailable: no turn within `wait`; those of `open`
  Result<Taken> take(std::chrono::nanoseconds wait, bool fresh = false);
  /// Null counts as one that could not be opened. A broken or old one is closed.
  void give_back(std::unique_ptr<sql::Connection> connection);
  /// Closes what is idle for too long or too old.
  void tidy();
  /// Closes what is idle, and what is in use when it comes back.
  void drop_all();

 private:
  using Clock = std::chrono::steady_clock;
  struct Idle {
    std::unique_ptr<sql::Connection> connection;
    Clock::time_point since;
  };
  struct Known {
    const sql::Connection* connection;
    Clock::time_point opened;
    std::uint64_t generation;
  };

  bool expired(const sql::Connection* connection, Clock::time_point now) const;
  void forget(const sql::Connection* connection);

  const Limits limits_;
  const Open open_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable free_;
  std::size_t count_ = 0;  // open, or being opened
  std::vector<Idle> idle_;
  std::vector<Known> known_;
  std::uint64_t generation_ = 0;
};

}  // namespace signet::datastore_sql
