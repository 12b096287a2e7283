// SqlStore: what the Store on a file and the Store on a server have in common.
//
// A database under it begins and commits transactions in its own way; turns, the log, the
// counters and the announcements are the same for all.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "counters.h"
#include "sql.h"
#include "store.h"
#include "turns.h"

namespace signet::datastore_sql {

// A transaction just begun. A writer holds the database's one right to write.
struct WriteStart {
  std::unique_ptr<sql::Connection> connection;
  Counters counters;
};
struct ReadStart {
  std::unique_ptr<sql::Connection> connection;
  std::uint64_t revision = 0;  // of the snapshot
  std::uint64_t log_start = 0;
};

class SqlStore : public Store {
 public:
  Result<std::unique_ptr<Transaction>> begin(Mode mode, std::chrono::nanoseconds wait) final;
  Status changes(std::uint64_t since, std::uint32_t limit, std::chrono::nanoseconds wait,
                 const ChangeSink& sink) final;
  std::uint64_t latest_revision() const final { return latest_.load(std::memory_order_acquire); }
  void on_commit(std::function<void(std::uint64_t)> listener) final;

  // ---- For the transaction.

  /// Ends the write transaction open on `connection`: compaction, counters, COMMIT. Rolls
  /// back if any of it fails.
  Status commit(sql::Connection& connection, const Counters& before, const Counters& now);
  virtual void end_read(std::unique_ptr<sql::Connection> connection) = 0;
  void end_write(std::unique_ptr<sql::Connection> connection);
  /// Tells the listener of `revision`, unless it has been told of it or a later one.
  void announce(std::uint64_t revision);

 protected:
  explicit SqlStore(std::uint64_t kept_tombstones) : kept_tombstones_(kept_tombstones) {}

  virtual Result<WriteStart> start_write(std::chrono::nanoseconds wait) = 0;
  virtual Result<ReadStart> start_read(Mode mode, std::chrono::nanoseconds wait) = 0;
  virtual void give_back_writer(std::unique_ptr<sql::Connection> connection) = 0;
  /// Whether the counter `revision` has to be written by commit().
  virtual bool revision_is_stored() const { return false; }
  /// The commit itself; what it acknowledges is durable.
  virtual Status commit_now(sql::Connection& connection, const Counters& counters) = 0;

  /// latest_revision() from now on, if it is later than what is known.
  void reached(std::uint64_t revision);

 private:
  Status save(sql::Connection& connection, const Counters& before, const Counters& now);
  Status compact(sql::Connection& connection, Counters& now);

  const std::uint64_t kept_tombstones_;
  WriterTurn turn_;
  std::atomic<std::uint64_t> latest_{0};
  std::atomic<std::uint64_t> announced_{0};
  std::mutex listener_mutex_;
  std::shared_ptr<const std::function<void(std::uint64_t)>> listener_;
};

/// The records changed after `since` and the deletions, merged, as Store::changes() has them;
/// on a reader's snapshot.
Status read_log(sql::Connection& connection, std::uint64_t since, std::uint32_t limit,
                const ChangeSink& sink);

}  // namespace signet::datastore_sql
