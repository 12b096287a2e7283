// Store: the seam between the datastore service and a database.
//
// The service (abi_adapter) talks to these two interfaces only; a database is one
// implementation of them (sqlite_store). Rules every implementation keeps:
//   - one writer at a time; a reader sees one snapshot for as long as it lives
//   - a commit that changed something has one revision, allotted while the writer lock is
//     held, so that revisions become visible in their order
//   - what commit() acknowledged survives a crash of the process and of the machine
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "signet/status.h"

#include "records.h"

namespace signet::datastore_sql {

// kReadStale may be served by a replica, as old as that is: never for a decision.
enum class Mode { kRead, kWrite, kReadStale };

// Receives one record or change; an error ends the walk and is returned from it.
using RecordSink = std::function<Status(const RecordView&)>;
using ChangeSink = std::function<Status(const ChangeView&)>;

// Used on one thread only. Destroying it without commit() rolls it back.
class Transaction {
 public:
  virtual ~Transaction() = default;

  /// Errors  kNotFound.
  virtual Status get(std::string_view kind, std::string_view id, const RecordSink& sink) = 0;

  /// Writes all records or none; fills stored[i] of each.
  /// Errors  kAlreadyExists (if_revision 0 and it exists), kAborted (another revision),
  ///         kInvalidArgument (limits, unknown kind or key), kResourceExhausted (disk full).
  virtual Status put(std::span<const NewRecord> records, std::span<Stored> stored) = 0;

  /// Deletes the record and gives it to the sink. Errors: kNotFound.
  virtual Status take(std::string_view kind, std::string_view id, const RecordSink& sink) = 0;

  /// Errors  kNotFound.
  virtual Status erase(std::string_view kind, std::string_view id) = 0;

  /// Records that meet every condition, ascending row.
  virtual Status query(const Query& query, const RecordSink& sink) = 0;

  /// How many records meet every condition; `limit` is ignored.
  virtual Result<std::uint64_t> count(const Query& query) = 0;

  /// The right to do `name` alone among all servers, until the transaction is over.
  /// Errors  kAborted: another server has it; kInvalidArgument: a name too long or empty.
  virtual Status claim(std::string_view name) = 0;

  /// From here undo() can go back. A second mark replaces the first.
  virtual Status mark() = 0;

  /// Takes back what was done since mark(); the mark stays.
  /// Errors  kFailedPrecondition: no mark.
  virtual Status undo() = 0;

  /// Durable when it returns. The revision of this commit; if nothing changed, of the
  /// snapshot (reader) or the latest (writer). The transaction is over either way.
  virtual Result<std::uint64_t> commit() = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  /// Errors  kUnavailable: no turn within `wait`, or the database is locked or unreadable;
  ///         kFailedPrecondition: this thread already writes.
  virtual Result<std::unique_ptr<Transaction>> begin(Mode mode, std::chrono::nanoseconds wait) = 0;

  /// Changes past `since`, ascending; of each record the latest only; at most `limit`
  /// revisions that say something (0: all). Nothing is emitted only at the log's end.
  /// Errors  kFailedPrecondition: `since` lies before the log's start; reload.
  virtual Status changes(std::uint64_t since, std::uint32_t limit, std::chrono::nanoseconds wait,
                         const ChangeSink& sink) = 0;

  /// Of the latest commit. Any thread, one atomic read.
  virtual std::uint64_t latest_revision() const = 0;

  /// The same, asked of the database now, which may take as long as `wait`.
  /// Errors  kUnavailable
  virtual Result<std::uint64_t> ask_latest(std::chrono::nanoseconds wait) = 0;

  /// Called after each commit that changed something, with no lock held; set it once,
  /// before the first transaction.
  virtual void on_commit(std::function<void(std::uint64_t revision)> listener) = 0;
};

}  // namespace signet::datastore_sql
