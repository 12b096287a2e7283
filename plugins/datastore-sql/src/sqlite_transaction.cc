#include "sqlite_transaction.h"

#include <utility>

#include "kind_sql.h"
#include "sqlite_query.h"

namespace signet::datastore_sql {

std::unique_ptr<SqliteTransaction> SqliteTransaction::writer(SqliteStore& store) {
  std::unique_ptr<SqliteTransaction> tx(new SqliteTransaction(store, &store.writer()));
  tx->writer_.emplace(store.writer(), store.counters());
  return tx;
}

std::unique_ptr<SqliteTransaction> SqliteTransaction::reader(
    SqliteStore& store, std::unique_ptr<sqlite::Connection> connection, std::uint64_t revision) {
  std::unique_ptr<SqliteTransaction> tx(new SqliteTransaction(store, connection.get()));
  tx->own_ = std::move(connection);
  tx->snapshot_ = revision;
  return tx;
}

SqliteTransaction::~SqliteTransaction() {
  if (!open_) return;
  if (connection_->in_transaction()) (void)connection_->exec("ROLLBACK");
  close();
}

void SqliteTransaction::close() {
  open_ = false;
  if (writer_) {
    store_.release_writer();
  } else {
    store_.release_reader(std::move(own_));
  }
}

Status SqliteTransaction::usable() const {
  if (!open_) return Status::failed_precondition("transaction is over");
  if (!failed_.ok()) return failed_;
  // Without this a statement after SQLite's own rollback would commit by itself.
  if (!connection_->in_transaction()) return Status::unavailable("transaction was rolled back");
  return {};
}

Status SqliteTransaction::begin_write() {
  SIGNET_RETURN_IF_ERROR(usable());
  if (!writer_) return Status::failed_precondition("transaction only reads");
  if (marked_ && !savepoint_) {
    SIGNET_TRY(auto statement, connection_->prepare("SAVEPOINT mark"));
    SIGNET_RETURN_IF_ERROR(statement.run());
    savepoint_ = true;
  }
  return {};
}

// A database error may leave half of a record behind, so that it must not be committed.
Status SqliteTransaction::spoiled(Status status) {
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

Status SqliteTransaction::get(std::string_view kind_name, std::string_view id,
                              const RecordSink& sink) {
  SIGNET_RETURN_IF_ERROR(usable());
  SIGNET_TRY(const KindSpec* kind, find_kind(kind_name));
  SIGNET_TRY(auto statement, connection_->prepare(sql_of(*kind).get));
  statement.bind_text(id);
  SIGNET_TRY(bool found, statement.step());
  if (!found) return not_found(kind->name);
  return sink(record_view(kind->name, statement, true));
}

Status SqliteTransaction::put(std::span<const NewRecord> records, std::span<Stored> stored) {
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

Status SqliteTransaction::take(std::string_view kind_name, std::string_view id,
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

Status SqliteTransaction::erase(std::string_view kind_name, std::string_view id) {
  SIGNET_RETURN_IF_ERROR(begin_write());
  SIGNET_TRY(const KindSpec* kind, find_kind(kind_name));
  return spoiled(writer_->remove(*kind, id));
}

Status SqliteTransaction::query(const Query& query, const RecordSink& sink) {
  SIGNET_RETURN_IF_ERROR(usable());
  SIGNET_TRY(SqlQuery built,
             build_query(query, query.with_body ? Select::kRecords : Select::kHeaders));
  SIGNET_TRY(const KindSpec* kind, find_kind(query.kind));
  SIGNET_TRY(auto statement, connection_->prepare(built.sql, built.keep));
  built.bind(statement);
  for (;;) {
    SIGNET_TRY(bool row, statement.step());
    if (!row) return {};
    SIGNET_RETURN_IF_ERROR(sink(record_view(kind->name, statement, query.with_body)));
  }
}

Result<std::uint64_t> SqliteTransaction::count(const Query& query) {
  SIGNET_RETURN_IF_ERROR(usable());
  SIGNET_TRY(SqlQuery built, build_query(query, Select::kCount));
  SIGNET_TRY(auto statement, connection_->prepare(built.sql, built.keep));
  built.bind(statement);
  SIGNET_TRY(bool row, statement.step());
  return static_cast<std::uint64_t>(row ? statement.integer(0) : 0);
}

Status SqliteTransaction::mark() {
  SIGNET_RETURN_IF_ERROR(usable());
  if (!writer_) return Status::failed_precondition("transaction only reads");
  if (savepoint_) {
    SIGNET_TRY(auto statement, connection_->prepare("RELEASE mark"));
    SIGNET_RETURN_IF_ERROR(spoiled(statement.run()));
    savepoint_ = false;
  }
  marked_ = true;
  progress_at_mark_ = writer_->progress();
  return {};
}

Status SqliteTransaction::undo() {
  if (!open_) return Status::failed_precondition("transaction is over");
  if (!marked_) return Status::failed_precondition("no mark to go back to");
  if (!connection_->in_transaction()) {  // a full disk or a failed read: SQLite took all back
    return failed_.ok() ? Status::unavailable("transaction was rolled back") : failed_;
  }
  if (savepoint_) {
    SIGNET_TRY(auto statement, connection_->prepare("ROLLBACK TO mark"));
    SIGNET_RETURN_IF_ERROR(spoiled(statement.run()));
  }
  writer_->set_progress(progress_at_mark_);
  failed_ = {};
  return {};
}

Result<std::uint64_t> SqliteTransaction::commit() {
  if (!open_) return Status::failed_precondition("transaction is over");
  if (!writer_ || !writer_->progress().changed || !usable().ok()) {
    Status failed = usable();
    if (connection_->in_transaction()) {
      const Status ended = connection_->exec("ROLLBACK");  // nothing to keep
      if (failed.ok()) failed = ended;
    }
    const std::uint64_t revision = writer_ ? writer_->counters().revision : snapshot_;
    close();
    if (!failed.ok()) return failed;
    return revision;
  }
  SqliteStore::Counters counters = writer_->counters();
  counters.revision = writer_->revision();
  const Status done = store_.commit_writer(counters, writer_->progress().tombstones);
  close();
  if (!done.ok()) return done;
  store_.announce(counters.revision);
  return counters.revision;
}

}  // namespace signet::datastore_sql
