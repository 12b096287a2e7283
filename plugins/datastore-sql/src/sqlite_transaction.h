// SqliteTransaction: one snapshot to read, or the one transaction that writes.
#pragma once

#include <memory>

#include "sqlite_store.h"
#include "store.h"

namespace signet::datastore_sql {

struct IndexColumn;
struct KindSql;

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

  // What undo() sets back besides the tables.
  struct Progress {
    bool changed = false;
    std::uint64_t tombstones = 0;
  };

  Status usable() const;
  Status begin_write();
  Status spoiled(Status status);
  Status put_one(const NewRecord& record, Stored& stored);
  Status insert(const NewRecord& record, const KindSpec& kind,
                const std::vector<IndexColumn>& columns, Stored& stored);
  Status update(const NewRecord& record, const KindSpec& kind,
                const std::vector<IndexColumn>& columns, std::uint64_t row,
                const std::vector<std::string>& old_sets);
  Status remove(const KindSpec& kind, std::string_view id);
  Status add_values(const std::string& sql, std::uint64_t row,
                    std::span<const std::string_view> values);
  void close();

  SqliteStore& store_;
  sqlite::Connection* connection_;
  std::unique_ptr<sqlite::Connection> own_;  // a reader's
  std::uint64_t revision_ = 0;               // a reader's snapshot; what a writer will commit
  SqliteStore::Counters counters_;           // a writer's
  Progress progress_;
  Progress progress_at_mark_;
  bool writes_ = false;
  bool open_ = true;
  bool marked_ = false;
  bool savepoint_ = false;  // made at the first write after mark()
  Status failed_;           // of the database itself: nothing but undo() or the end helps
};

}  // namespace signet::datastore_sql
