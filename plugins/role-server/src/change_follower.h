// ChangeFollower: keeps in-memory views equal to the datastore by following its change log.
//
// Each view subscribes for one kind of record. At start every view loads everything once; after
// that it hears of each changed record, also of those that another server wrote. When the datastore
// ends the watch, it watches again, and what happened between lies in the log. A server's own
// writes are applied by the writer at once (so that the answer of a write means that it is in
// force) and skipped when the log brings them again.
//
// How old the views are is known: a few times a second the datastore is asked for the log's end,
// and views that hold everything up to there lack nothing committed before the question. While
// that is at most a second ago they are live and decide alone; else the datastore is asked; and
// while it cannot be, the views go on deciding for as long as the server's owner allows.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
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
  /// offline: how old the views may be when they decide because the datastore cannot be asked.
  ChangeFollower(const Host& host, const Datastore& datastore,
                 std::chrono::nanoseconds offline = std::chrono::minutes(15))
      : host_(host), datastore_(datastore), offline_(offline) {}
  ~ChangeFollower() { stop(); }

  /// Before start(); in the order in which views are loaded. `subscriber` outlives this.
  void subscribe(ChangeSubscriber* subscriber) { subscribers_.push_back(subscriber); }
  /// Loads all views and begins to follow. Blocks.
  Status start();
  void stop();

  /// Tells that this process committed `revision` and that every view has it already. When it
  /// is the next one, the log need not be read for it.
  void committed(std::uint64_t revision);

  /// All views hold everything up to this revision. From any thread.
  std::uint64_t reached() const;

  // How far the views can be relied upon. Any thread; nothing blocks.

  /// Everything committed longer ago than this is in the views.
  std::chrono::nanoseconds age() const;
  /// The views decide alone.
  bool live() const { return age() <= kLive; }
  /// The datastore is worth asking: it answered when it was last asked, and does not keep the
  /// present question waiting.
  bool reachable() const;
  /// The views may decide when the datastore does not answer.
  bool trusted() const { return live() || age() <= offline_; }
  /// Neither can: why, as a caller is told. kUnavailable.
  Status out_of_date() const;

  /// What `memory` says of something while the views are live, else what `stored` reads in the
  /// datastore, else what `memory` says if it may. Blocks. Both give a Result<T>.
  /// Errors   out_of_date(), and theirs
  template <typename Memory, typename Stored>
  auto decide(Memory&& memory, Stored&& stored) const -> decltype(stored()) {
    if (live()) return memory();
    if (reachable()) {
      auto answer = stored();
      if (answer || !is_away(answer.status())) return answer;
    }
    if (trusted()) return memory();
    return out_of_date();
  }
  /// Of the datastore: it could not answer, whatever the question was.
  static bool is_away(const Status& status) {
    return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded;
  }
  /// Until when a question may wait that somebody waits for.
  std::int64_t question_deadline() const { return host_.deadline_in(kLive); }

 private:
  static constexpr std::chrono::seconds kLive{1};

  Status load_first();
  Status load();
  Status reload_all(Transaction& tx);
  void loaded(std::uint64_t revision, std::uint64_t latest, std::int64_t asked_ns);
  Status watch();
  void watch_ended(const Status& status);
  void tick();
  void ask();
  void note_age();
  void tell();
  Status read_changes(std::uint64_t since, std::uint64_t& reached);
  void told(std::uint64_t latest);
  bool claim();  // true: the caller must call run()
  void run();

  const Host host_;
  const Datastore& datastore_;
  std::vector<ChangeSubscriber*> subscribers_;

  mutable std::mutex mutex_;
  std::uint64_t cursor_ = 0;  // all views hold everything up to here
  std::uint64_t latest_ = 0;  // the datastore told of this one
  bool reload_ = false;       // the datastore lacks what the views hold
  // The last question for the log's end that was answered: when it was put, and the answer.
  std::int64_t asked_ns_ = 0;
  std::uint64_t answer_ = 0;
  bool running_ = false;
  bool stopping_ = false;
  std::condition_variable idle_;
  std::int64_t watched_ns_ = 0;       // when the watch began
  std::int64_t watch_again_ns_ = 0;   // when to begin another one; 0: it goes on
  std::chrono::nanoseconds pause_{};  // before that
  Timer tick_;
  ServiceStream watch_;

  const std::chrono::nanoseconds offline_;
  std::atomic<std::int64_t> as_of_ns_{0};  // what was committed before is in the views
  std::atomic<bool> reachable_{true};
  std::atomic<std::int64_t> asking_ns_{0};  // when the present question was put; 0: there is none
  // Of tick() alone.
  std::string away_;  // why the datastore was not reachable
  bool told_live_ = false;
  std::int64_t told_ns_ = 0;
};

}  // namespace signet::server
