#include "sql_transaction.h"

#include <utility>

#include "kind_sql.h"
#include "query_sql.h"

namespace signet::datastore_sql {
namespace {

// Queries of at most so many records are answered in one piece.
constexpr std::uint32_t kSmallAnswer = 200;
constexpr std::size_t kLongestClaim = 64;  // bytes

}  // namespace

SqlTransaction::SqlTransaction(SqlStore& store, WriteStart start)
    : store_(store),
      connection_(std::move(start.connection)),
      before_(start.counters),
      snapshot_(start.counters.revision) {
  writer_.emplace(*connection_, before_);
}

SqlTransaction::SqlTransaction(SqlStore& store, ReadStart start)
    : store_(store), connection_(std::move(start.connection)), snapshot_(start.revision) {}

SqlTransaction::~SqlTransaction() {
  if (!open_) return;
  (void)connection_->roll_back();
  close();
}

void SqlTransaction::close() {
  open_ = false;
  if (writer_) {
    store_.end_write(std::move(connection_));
  } else {
    store_.end_read(std::move(connection_));
  }
}

Status SqlTransaction::usable() const {
  if (!open_) return Status::failed_precondition("transaction is over");
  if (!failed_.ok()) return failed_;
  // Without this a statement after the database's own rollback would commit by itself.
  if (!connection_->in_transaction()) return Status::unavailable("transaction was rolled back");
  return {};
}

Status SqlTransaction::begin_write() {
  SIGNET_RETURN_IF_ERROR(usable());
  if (!writer_) return Status::failed_precondition("transaction only reads");
  if (marked_ && savepoint_ != Savepoint::kOfThisMark) {
    const Status made = savepoint_ == Savepoint::kNone
                            ? connection_->exec_each({"SAVEPOINT mark"})
                            : connection_->exec_each({"RELEASE mark", "SAVEPOINT mark"});
    SIGNET_RETURN_IF_ERROR(spoiled(made));
    savepoint_ = Savepoint::kOfThisMark;
  }
  return {};
}

// A database error may leave half of a record behind, so that it must not be committed.
Status SqlTransaction::spoiled(Status status) {
  switch (status.code()) {
    case Code::kOk:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kAborted:
    case Code::kInvalidArgument:
      break;
    default:
      failed_ = status;
  }
  return status;
}

Status SqlTransaction::get(std::string_view kind_name, std::string_view id,
                           const RecordSink& sink) {
  SIGNET_RETURN_IF_ERROR(usable());
  SIGNET_TRY(const KindSpec* kind, find_kind(kind_name));
  SIGNET_TRY(auto statement, connection_->prepare(sql_of(*kind, connection_->dialect()).get));
  statement->bind_text(id);
  SIGNET_TRY(bool found, statement->step());
  if (!found) return not_found(kind->name);
  return sink(record_view(kind->name, *statement, true));
}

Status SqlTransaction::put(std::span<const NewRecord> records, std::span<Stored> stored) {
  SIGNET_RETURN_IF_ERROR(begin_write());
  // A single record is all or none by itself: it is checked before its first write.
  const bool many = records.size() > 1;
  const RecordWriter::Progress before = writer_->progress();
  if (many) SIGNET_RETURN_IF_ERROR(connection_->exec("SAVEPOINT many"));
  Status done;
  for (std::size_t i = 0; i < records.size() && done.ok(); ++i) {
    Stored result;
    done = writer_->put(records[i], result);
    if (i < stored.size()) stored[i] = result;
  }
  if (!many) return spoiled(done);
  if (!done.ok() && connection_->in_transaction()) {
    const Status back = connection_->exec("ROLLBACK TO many");
    if (!back.ok()) return spoiled(back);
    writer_->set_progress(before);
  }
  if (connection_->in_transaction()) {
    const Status released = connection_->exec("RELEASE many");
    if (!released.ok()) return spoiled(released);
  }
  return spoiled(done);
}

Status SqlTransaction::take(std::string_view kind_name, std::string_view id,
                            const RecordSink& sink) {
  SIGNET_RETURN_IF_ERROR(begin_write());
  SIGNET_TRY(const KindSpec* kind, find_kind(kind_name));
  std::string body;
  RecordView taken;
  SIGNET_RETURN_IF_ERROR(get(kind_name, id, [&](const RecordView& record) {
    taken = record;
    body = record.body;
    return Status();
  }));
  SIGNET_RETURN_IF_ERROR(spoiled(writer_->remove(*kind, id)));
  taken.id = id;
  taken.body = body;
  return sink(taken);
}

Status SqlTransaction::erase(std::string_view kind_name, std::string_view id) {
  SIGNET_RETURN_IF_ERROR(begin_write());
  SIGNET_TRY(const KindSpec* kind, find_kind(kind_name));
  return spoiled(writer_->remove(*kind, id));
}

Status SqlTransaction::query(const Query& query, const RecordSink& sink) {
  SIGNET_RETURN_IF_ERROR(usable());
  SIGNET_TRY(SqlQuery built,
             build_query(query, query.with_body ? Select::kRecords : Select::kHeaders,
                         connection_->dialect()));
  SIGNET_TRY(const KindSpec* kind, find_kind(query.kind));
  const bool small = query.limit != 0 && query.limit <= kSmallAnswer;
  SIGNET_TRY(auto statement, small ? connection_->prepare(built.sql, built.keep)
                                   : connection_->prepare_large(built.sql, built.keep));
  built.bind(*statement);
  for (;;) {
    SIGNET_TRY(bool row, statement->step());
    if (!row) return {};
    SIGNET_RETURN_IF_ERROR(sink(record_view(kind->name, *statement, query.with_body)));
  }
}

Result<std::uint64_t> SqlTransaction::count(const Query& query) {
  SIGNET_RETURN_IF_ERROR(usable());
  SIGNET_TRY(SqlQuery built, build_query(query, Select::kCount, connection_->dialect()));
  SIGNET_TRY(auto statement, connection_->prepare(built.sql, built.keep));
  built.bind(*statement);
  SIGNET_TRY(bool row, statement->step());
  return static_cast<std::uint64_t>(row ? statement->integer(0) : 0);
}

// SQLite's file is one server's own, and so is every right. PostgreSQL ends an advisory lock with
// the transaction, also behind a pooler, and a transaction with its connection.
Status SqlTransaction::claim(std::string_view name) {
  SIGNET_RETURN_IF_ERROR(usable());
  if (name.empty() || name.size() > kLongestClaim) {
    return Status::invalid_argument("a claim's name has 1 to 64 bytes");
  }
  if (connection_->dialect() != sql::Dialect::kPostgres) return {};
  SIGNET_TRY(auto statement,
             connection_->prepare("SELECT pg_try_advisory_xact_lock(hashtext(encode(?::bytea, "
                                  "'hex')), hashtext(current_schema()))::int"));
  statement->bind_text(name);
  SIGNET_TRY(const bool row, statement->step());
  if (row && statement->integer(0) != 0) return {};
  return Status(Code::kAborted, "another server is doing it");
}

Status SqlTransaction::mark() {
  SIGNET_RETURN_IF_ERROR(usable());
  if (!writer_) return Status::failed_precondition("transaction only reads");
  if (savepoint_ == Savepoint::kOfThisMark) savepoint_ = Savepoint::kOfAnEarlierMark;
  marked_ = true;
  progress_at_mark_ = writer_->progress();
  return {};
}

Status SqlTransaction::undo() {
  if (!open_) return Status::failed_precondition("transaction is over");
  if (!marked_) return Status::failed_precondition("no mark to go back to");
  const bool savepoint = savepoint_ == Savepoint::kOfThisMark;
  // SQLite takes all back on a full disk or a failed read. PostgreSQL waits in a failed
  // transaction, which a savepoint mends; without one nothing was written, nor can be.
  const bool waits = savepoint && connection_->dialect() == sql::Dialect::kPostgres;
  if (!waits && !connection_->in_transaction()) {
    return failed_.ok() ? Status::unavailable("transaction was rolled back") : failed_;
  }
  if (savepoint) {
    const Status back = connection_->exec_each({"ROLLBACK TO mark"});
    SIGNET_RETURN_IF_ERROR(spoiled(back));
  }
  writer_->set_progress(progress_at_mark_);
  failed_ = {};
  return {};
}

Result<std::uint64_t> SqlTransaction::commit() {
  if (!open_) return Status::failed_precondition("transaction is over");
  if (!writer_ || !writer_->progress().changed || !usable().ok()) {
    Status failed = usable();
    const Status ended = connection_->roll_back();  // nothing to keep
    if (failed.ok()) failed = ended;
    close();
    if (!failed.ok()) return failed;
    return snapshot_;
  }
  Counters counters = writer_->counters();
  counters.revision = writer_->revision();
  counters.tombstones += writer_->progress().tombstones;
  const Status done = store_.commit(*connection_, before_, counters);
  close();
  if (!done.ok()) return done;
  store_.announce(counters.revision);
  return counters.revision;
}

}  // namespace signet::datastore_sql
