// SqliteTransaction: one snapshot to read, or the one transaction that writes.
#pragma once

#include <memory>
#include <optional>

#include "record_writer.h"
#include "sqlite_store.h"
#include "store.h"

namespace signet::datastore_sql {

class SqliteTransaction final : public Transaction {
 public:
  static std::unique_ptr<SqliteTransaction> writer(SqliteStore& store);
  static std::unique_ptr<SqliteTransaction> reader(SqliteStore& store,
                                                   std::unique_ptr<sqlite::Connection> connection,
                                                   std::uint64_t revision);
  ~SqliteTransaction() override;

  Status get(std::string_view kind, std::string_view id, const RecordSink& sink) override;
  Status put(std::span<const NewRecord> records, std::span<Stored> stored) override;
  Status take(std::string_view kind, std::string_view id, const RecordSink& sink) override;
  Status erase(std::string_view kind, std::string_view id) override;
  Status query(const Query& query, const RecordSink& sink) override;
  Result<std::uint64_t> count(const Query& query) override;
  Status mark() override;
  Status undo() override;
  Result<std::uint64_t> commit() override;

 private:
  SqliteTransaction(SqliteStore& store, sqlite::Connection* connection)
      : store_(store), connection_(connection) {}

  Status usable() const;
  Status begin_write();
  Status spoiled(Status status);
  void close();

  SqliteStore& store_;
  sqlite::Connection* connection_;
  std::unique_ptr<sqlite::Connection> own_;  // a reader's
  std::uint64_t snapshot_ = 0;               // a reader's revision
  std::optional<RecordWriter> writer_;       // none: it only reads
  RecordWriter::Progress progress_at_mark_;
  bool open_ = true;
  bool marked_ = false;
  bool savepoint_ = false;  // made at the first write after mark()
  Status failed_;           // of the database itself: nothing but undo() or the end helps
};

}  // namespace signet::datastore_sql
