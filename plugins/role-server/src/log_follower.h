// LogFollower: keeps in-memory views equal to the datastore.
//
// One reader with one cursor. It loads everything once, then applies "changes since R" whenever
// the datastore says that R has moved; each view sees every record in revision order and never
// twice the same. A lost wake-up costs latency, never data. When the log was compacted past the
// cursor, the views are told to start anew.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "signet/datastore.h"
#include "signet/host.h"

namespace signet::server {

// Called by one thread at a time.
class LogView {
 public:
  virtual ~LogView() = default;
  /// Forget everything: a full load follows.
  virtual void reset() = 0;
  virtual void put(const Record& record) = 0;
  virtual void erase(std::string_view id) = 0;
};

class LogFollower {
 public:
  LogFollower(Host host, Datastore& store) : host_(std::move(host)), store_(store) {}
  ~LogFollower() { stop(); }

  /// Before start(). `view` must outlive the follower.
  void follow(std::string_view kind, LogView& view) { views_.push_back({std::string(kind), &view}); }

  /// Loads all kinds in one snapshot, then follows. When it returns the views are complete.
  Status start();
  void stop();

  /// The revision the views have reached.
  uint64_t revision() const { return revision_.load(std::memory_order_acquire); }
  /// Applies what has been committed up to `revision`, on this thread if nobody else does it:
  /// what a caller has written it sees afterwards. [worker]
  Status catch_up(uint64_t revision);

 private:
  struct Following {
    std::string kind;
    LogView* view;
  };
  Status load();
  Status apply();
  void wake(uint64_t revision);
  void work();

  Host host_;
  Datastore& store_;
  std::vector<Following> views_;
  ServiceStream watch_;
  std::mutex applying_;  // one applier at a time
  std::atomic<uint64_t> revision_{0};
  std::mutex mutex_;
  std::condition_variable idle_;
  uint64_t wanted_ = 0;
  bool working_ = false;
  bool stopping_ = false;
};

}  // namespace signet::server
