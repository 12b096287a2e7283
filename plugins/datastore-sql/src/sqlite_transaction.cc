#include "sqlite_transaction.h"

#include <algorithm>
#include <utility>

#include "index_columns.h"
#include "sqlite_query.h"

namespace signet::datastore_sql {

// The statements of one kind, written once per process.
struct KindSql {
  std::string get;
  std::string find;  // row, revision, packed sets
  std::string insert;
  std::string update;
  std::string remove;
  std::vector<std::string> add_value;  // one per set key, in the order of the keys
  std::vector<std::string> drop_value;
};

namespace {

bool is_entry(const KindSpec& kind) { return kind.name == "entry"; }

KindSql make_sql(const KindSpec& kind) {
  const std::string table(kind.name);
  std::string names = "row, id, revision, expires_at";
  std::string marks = "?, ?, ?, ?";
  std::string settings = "revision = ?, expires_at = ?";
  std::string sets;
  KindSql sql;
  const auto column = [&](const std::string& name) {
    names += ", " + name;
    marks += ", ?";
    settings += ", " + name + " = ?";
  };
  for (const KeySpec& key : kind.keys) {
    const std::string name(key.name);
    if (key.type == KeyType::kSet) {
      column(name + "_count");
      sets += ", " + name;
      sql.add_value.push_back("INSERT INTO " + table + "_" + name + " (value, row) VALUES (?, ?)");
      sql.drop_value.push_back("DELETE FROM " + table + "_" + name +
                               " WHERE value = ? AND row = ?");
    }
    column(name);
  }
  if (is_entry(kind)) column("similar");
  column("body");
  sql.get = "SELECT id, row, revision, expires_at, body FROM " + table + " WHERE id = ?";
  sql.find = "SELECT row, revision" + sets + " FROM " + table + " WHERE id = ?";
  sql.insert = "INSERT INTO " + table + " (" + names + ") VALUES (" + marks + ")";
  sql.update = "UPDATE " + table + " SET " + settings + " WHERE row = ?";
  sql.remove = "DELETE FROM " + table + " WHERE row = ?";
  return sql;
}

const KindSql& sql_of(const KindSpec& kind) {
  static const std::vector<KindSql> kSql = [] {
    std::vector<KindSql> all;
    for (const KindSpec& one : kinds()) all.push_back(make_sql(one));
    return all;
  }();
  return kSql[kind.index];
}

RecordView record_view(std::string_view kind, const sqlite::Lease& row, bool with_body) {
  RecordView record;
  record.kind = kind;
  record.id = row.text(0);
  record.row = static_cast<std::uint64_t>(row.integer(1));
  record.revision = static_cast<std::uint64_t>(row.integer(2));
  record.expires_at = row.integer(3);
  if (with_body) record.body = row.blob(4);
  return record;
}

Status not_found(std::string_view kind) {
  return Status::not_found(std::string(kind) + " not found");
}

// Binds the key columns and the body, in the order make_sql wrote them.
void bind_columns(sqlite::Lease& statement, const KindSpec& kind,
                  const std::vector<IndexColumn>& columns, std::string_view body) {
  std::string_view parent_id;
  std::string_view selectors;
  for (const IndexColumn& column : columns) {
    switch (column.spec->type) {
      case KeyType::kText:
        statement.bind_text(column.text);
        if (column.spec->name == "parent_id") parent_id = column.text;
        break;
      case KeyType::kFlag:
        statement.bind(std::int64_t{column.flag});
        break;
      case KeyType::kSet:
        statement.bind(static_cast<std::uint64_t>(column.values.size()));
        statement.bind_blob(column.packed);
        if (column.spec->name == "selector") selectors = column.packed;
        break;
    }
  }
  if (is_entry(kind)) statement.bind(similar_hash(parent_id, selectors));
  statement.bind_blob(body);
}

Status check_limits(const NewRecord& record) {
  if (record.id.empty() || record.id.size() > kMaxIdBytes) {
    return Status::invalid_argument("record id must have 1 to " + std::to_string(kMaxIdBytes) +
                                    " bytes");
  }
  if (record.body.size() > kMaxBodyBytes) {
    return Status::invalid_argument("record body is longer than " + std::to_string(kMaxBodyBytes) +
                                    " bytes");
  }
  if (record.if_revision < kRevisionAny) {
    return Status::invalid_argument("if_revision must be a revision, 0 or -1");
  }
  if (record.expires_at < 0) return Status::invalid_argument("expires_at must not be negative");
  return {};
}

Status revision_differs(std::string_view kind) {
  return {Code::kAborted, std::string(kind) + " was changed by another writer"};
}

}  // namespace

std::unique_ptr<SqliteTransaction> SqliteTransaction::writer(SqliteStore& store) {
  std::unique_ptr<SqliteTransaction> tx(new SqliteTransaction(store, &store.writer()));
  tx->writes_ = true;
  tx->counters_ = store.counters();
  tx->revision_ = tx->counters_.revision + 1;
  return tx;
}

std::unique_ptr<SqliteTransaction> SqliteTransaction::reader(
    SqliteStore& store, std::unique_ptr<sqlite::Connection> connection, std::uint64_t revision) {
  std::unique_ptr<SqliteTransaction> tx(new SqliteTransaction(store, connection.get()));
  tx->own_ = std::move(connection);
  tx->revision_ = revision;
  return tx;
}

SqliteTransaction::~SqliteTransaction() {
  if (!open_) return;
  if (connection_->in_transaction()) (void)connection_->exec("ROLLBACK");
  close();
}

void SqliteTransaction::close() {
  open_ = false;
  if (writes_) {
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
  if (!writes_) return Status::failed_precondition("transaction only reads");
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
  const Progress before = progress_;
  if (many) SIGNET_RETURN_IF_ERROR(connection_->exec("SAVEPOINT many"));
  Status done;
  for (std::size_t i = 0; i < records.size() && done.ok(); ++i) {
    Stored result;
    done = put_one(records[i], result);
    if (i < stored.size()) stored[i] = result;
  }
  if (!many) return spoiled(done);
  if (!done.ok() && connection_->in_transaction()) {
    const Status back = connection_->exec("ROLLBACK TO many");
    if (!back.ok()) return spoiled(back);
    progress_ = before;
  }
  if (connection_->in_transaction()) {
    const Status released = connection_->exec("RELEASE many");
    if (!released.ok()) return spoiled(released);
  }
  return spoiled(done);
}

Status SqliteTransaction::put_one(const NewRecord& record, Stored& stored) {
  SIGNET_RETURN_IF_ERROR(check_limits(record));
  SIGNET_TRY(const KindSpec* kind, find_kind(record.kind));
  SIGNET_TRY(auto columns, index_columns(*kind, record.keys));
  stored.revision = revision_;
  if (record.if_revision == kRevisionAbsent) return insert(record, *kind, columns, stored);

  std::uint64_t row = 0;
  std::vector<std::string> old_sets;
  {
    SIGNET_TRY(auto statement, connection_->prepare(sql_of(*kind).find));
    statement.bind_text(record.id);
    SIGNET_TRY(bool found, statement.step());
    if (found) {
      if (record.if_revision != kRevisionAny && record.if_revision != statement.integer(1)) {
        return revision_differs(kind->name);
      }
      row = static_cast<std::uint64_t>(statement.integer(0));
      for (std::size_t i = 0; i < sql_of(*kind).add_value.size(); ++i) {
        old_sets.emplace_back(statement.blob(2 + static_cast<int>(i)));
      }
    }
  }
  if (row == 0) {
    if (record.if_revision != kRevisionAny) return revision_differs(kind->name);
    return insert(record, *kind, columns, stored);
  }
  stored.row = row;
  return update(record, *kind, columns, row, old_sets);
}

Status SqliteTransaction::insert(const NewRecord& record, const KindSpec& kind,
                                 const std::vector<IndexColumn>& columns, Stored& stored) {
  std::uint64_t& last_row = counters_.rows[kind.index];
  if (last_row >= kMaxRow) {
    return Status::resource_exhausted("no row number is left for kind " + std::string(kind.name));
  }
  const KindSql& sql = sql_of(kind);
  stored.row = last_row + 1;
  SIGNET_TRY(auto statement, connection_->prepare(sql.insert));
  statement.bind(stored.row).bind_text(record.id).bind(revision_).bind(record.expires_at);
  bind_columns(statement, kind, columns, record.body);
  const int code = statement.run_code();
  if (code == SQLITE_CONSTRAINT_UNIQUE) {
    return Status::already_exists(std::string(kind.name) + " already exists");
  }
  if (code != SQLITE_OK) return connection_->error("cannot write a record");
  ++last_row;
  progress_.changed = true;
  std::size_t set = 0;
  for (const IndexColumn& column : columns) {
    if (column.spec->type != KeyType::kSet) continue;
    SIGNET_RETURN_IF_ERROR(add_values(sql.add_value[set++], stored.row, column.values));
  }
  return {};
}

Status SqliteTransaction::update(const NewRecord& record, const KindSpec& kind,
                                 const std::vector<IndexColumn>& columns, std::uint64_t row,
                                 const std::vector<std::string>& old_sets) {
  const KindSql& sql = sql_of(kind);
  SIGNET_TRY(auto statement, connection_->prepare(sql.update));
  statement.bind(revision_).bind(record.expires_at);
  bind_columns(statement, kind, columns, record.body);
  statement.bind(row);
  SIGNET_RETURN_IF_ERROR(statement.run());
  progress_.changed = true;
  std::size_t set = 0;
  for (const IndexColumn& column : columns) {
    if (column.spec->type != KeyType::kSet) continue;
    const auto old_values = unpack(old_sets[set]);
    std::vector<std::string_view> gone;
    std::vector<std::string_view> added;
    std::set_difference(old_values.begin(), old_values.end(), column.values.begin(),
                        column.values.end(), std::back_inserter(gone));
    std::set_difference(column.values.begin(), column.values.end(), old_values.begin(),
                        old_values.end(), std::back_inserter(added));
    SIGNET_RETURN_IF_ERROR(add_values(sql.drop_value[set], row, gone));
    SIGNET_RETURN_IF_ERROR(add_values(sql.add_value[set], row, added));
    ++set;
  }
  return {};
}

// Runs a statement of (value, row) for each value.
Status SqliteTransaction::add_values(const std::string& sql, std::uint64_t row,
                                     std::span<const std::string_view> values) {
  if (values.empty()) return {};
  SIGNET_TRY(auto statement, connection_->prepare(sql));
  for (const std::string_view value : values) {
    SIGNET_RETURN_IF_ERROR(statement.bind_text(value).bind(row).run());
    statement.rewind();
  }
  return {};
}

Status SqliteTransaction::remove(const KindSpec& kind, std::string_view id) {
  const KindSql& sql = sql_of(kind);
  std::uint64_t row = 0;
  std::vector<std::string> sets;
  {
    SIGNET_TRY(auto statement, connection_->prepare(sql.find));
    statement.bind_text(id);
    SIGNET_TRY(bool found, statement.step());
    if (!found) return not_found(kind.name);
    row = static_cast<std::uint64_t>(statement.integer(0));
    for (std::size_t i = 0; i < sql.drop_value.size(); ++i) {
      sets.emplace_back(statement.blob(2 + static_cast<int>(i)));
    }
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    SIGNET_RETURN_IF_ERROR(add_values(sql.drop_value[i], row, unpack(sets[i])));
  }
  {
    SIGNET_TRY(auto statement, connection_->prepare(sql.remove));
    SIGNET_RETURN_IF_ERROR(statement.bind(row).run());
  }
  SIGNET_TRY(auto statement,
             connection_->prepare("INSERT OR REPLACE INTO tombstone (kind, id, revision) "
                                  "VALUES (?, ?, ?)"));
  SIGNET_RETURN_IF_ERROR(statement.bind_text(kind.name).bind_text(id).bind(revision_).run());
  progress_.changed = true;
  ++progress_.tombstones;
  return {};
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
  SIGNET_RETURN_IF_ERROR(spoiled(remove(*kind, id)));
  taken.id = id;
  taken.body = body;
  return sink(taken);
}

Status SqliteTransaction::erase(std::string_view kind_name, std::string_view id) {
  SIGNET_RETURN_IF_ERROR(begin_write());
  SIGNET_TRY(const KindSpec* kind, find_kind(kind_name));
  return spoiled(remove(*kind, id));
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
  if (!writes_) return Status::failed_precondition("transaction only reads");
  if (savepoint_) {
    SIGNET_TRY(auto statement, connection_->prepare("RELEASE mark"));
    SIGNET_RETURN_IF_ERROR(spoiled(statement.run()));
    savepoint_ = false;
  }
  marked_ = true;
  progress_at_mark_ = progress_;
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
  progress_ = progress_at_mark_;
  failed_ = {};
  return {};
}

Result<std::uint64_t> SqliteTransaction::commit() {
  if (!open_) return Status::failed_precondition("transaction is over");
  if (!writes_ || !progress_.changed || !usable().ok()) {
    Status failed = usable();
    if (connection_->in_transaction()) {
      const Status ended = connection_->exec("ROLLBACK");  // nothing to keep
      if (failed.ok()) failed = ended;
    }
    const std::uint64_t revision = writes_ ? counters_.revision : revision_;
    close();
    if (!failed.ok()) return failed;
    return revision;
  }
  counters_.revision = revision_;
  const Status done = store_.commit_writer(counters_, progress_.tombstones);
  close();
  if (!done.ok()) return done;
  store_.announce(revision_);
  return revision_;
}

}  // namespace signet::datastore_sql
