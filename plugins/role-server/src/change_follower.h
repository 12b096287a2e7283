// ChangeFollower: keeps in-memory views equal to the datastore by following its change log.
//
// Each view subscribes for one kind of record. At start every view loads everything once; after
// that it hears of each changed record, also of those that another server wrote. When the datastore
// ends the watch, it watches again, and what happened between lies in the log. A server's own
// writes are applied by the writer at once (so that the answer of a write means that it is in
// force) and skipped when the log brings them again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <vector>

#include "signet/datastore.h"
#include "signet/host.h"

namespace signet::server {

class ChangeSubscriber {
 public:
  virtual ~ChangeSubscriber() = default;
  virtual std::string_view kind() const = 0;
  /// Replaces the whole view by what `tx` reads.
  virtual Status reload(Transaction& tx) = 0;
  /// True when the view holds the record at this revision or a later one.
  virtual bool knows(const Change& change) const = 0;
  /// The record as it is now; its revision is at least that of the change.
  virtual void apply(const Record& record) = 0;
  virtual void erase(std::string_view id, std::uint64_t revision) = 0;
};

/// Views remember what was deleted, so that a record read just before is not put back. Only
/// reads under way matter, so what is thousands of revisions old may go.
template <typename Map>
void forget_old(Map& erased, std::uint64_t revision) {
  constexpr std::uint64_t kKept = 4096;
  if (erased.size() < 2 * kKept || revision < kKept) return;
  std::erase_if(erased, [&](const auto& item) { return item.second < revision - kKept; });
}

class ChangeFollower {
 public:
  ChangeFollower(const Host& host, const Datastore& datastore)
      : host_(host), datastore_(datastore) {}
  ~ChangeFollower() { stop(); }

  /// Before start(); in the order in which views are loaded. `subscriber` outlives this.
  void subscribe(ChangeSubscriber* subscriber) { subscribers_.push_back(subscriber); }
  /// Loads all views and begins to follow. Blocks.
  Status start();
  void stop();

  /// Tells that this process committed `revision` and that every view has it already. When it
  /// is the next one, the log need not be read for it.
  void committed(std::uint64_t revision);

 private:
  Status load();
  Result<std::uint64_t> latest_revision() const;
  Status watch();
  void watch_ended(const Status& status);
  void tick();
  Status read_changes(std::uint64_t since, std::uint64_t& reached);
  void told(std::uint64_t latest);
  bool claim();  // true: the caller must call run()
  void run();

  const Host host_;
  const Datastore& datastore_;
  std::vector<ChangeSubscriber*> subscribers_;

  std::mutex mutex_;
  std::uint64_t cursor_ = 0;  // all views hold everything up to here
  std::uint64_t latest_ = 0;  // the datastore told of this one
  bool running_ = false;
  bool stopping_ = false;
  std::condition_variable idle_;
  std::int64_t watched_ns_ = 0;       // when the watch began
  std::int64_t watch_again_ns_ = 0;   // when to begin another one; 0: it goes on
  std::chrono::nanoseconds pause_{};  // before that
  Timer tick_;                        // after a failure, or when no worker was free
  ServiceStream watch_;
};

}  // namespace signet::server
