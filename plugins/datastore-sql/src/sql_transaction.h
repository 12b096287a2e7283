// SqlTransaction: one snapshot to read, or the one transaction that writes, on any database.
#pragma once

#include <memory>
#include <optional>

#include "record_writer.h"
#include "sql_store.h"
#include "store.h"

namespace signet::datastore_sql {

class SqlTransaction final : public Transaction {
 public:
  SqlTransaction(SqlStore& store, WriteStart start);
  SqlTransaction(SqlStore& store, ReadStart start);
  ~SqlTransaction() override;

  Status get(std::string_view kind, std::string_view id, const RecordSink& sink) override;
  Status put(std::span<const NewRecord> records, std::span<Stored> stored) override;
  Status take(std::string_view kind, std::string_view id, const RecordSink& sink) override;
  Status erase(std::string_view kind, std::string_view id) override;
  Status query(const Query& query, const RecordSink& sink) override;
  Result<std::uint64_t> count(const Query& query) override;
  Status claim(std::string_view name) override;
  Status mark() override;
  Status undo() override;
  Result<std::uint64_t> commit() override;

 private:
  Status usable() const;
  Status begin_write();
  Status spoiled(Status status);
  void close();

  SqlStore& store_;
  std::unique_ptr<sql::Connection> connection_;
  Counters before_;                     // a writer's, as they were
  std::uint64_t snapshot_ = 0;          // the revision that is seen
  std::optional<RecordWriter> writer_;  // none: it only reads
  RecordWriter::Progress progress_at_mark_;
  bool open_ = true;
  bool marked_ = false;
  enum class Savepoint { kNone, kOfThisMark, kOfAnEarlierMark };
  Savepoint savepoint_ = Savepoint::kNone;  // made at the first write after mark()
  Status failed_;  // of the database itself: nothing but undo() or the end helps
};

}  // namespace signet::datastore_sql
