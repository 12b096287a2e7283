// SqliteStore: the Store on one SQLite file.
//
// WAL, synchronous=FULL. One connection writes, one transaction at a time; readers have
// connections of their own, opened when needed, each transaction on one snapshot. The file
// belongs to this process alone, so what the last commit left is known without asking.
#pragma once

#include <functional>
#include <string>

#include "database_file.h"
#include "schema.h"
#include "sql_store.h"
#include "sqlite.h"

namespace signet::datastore_sql {

class SqliteStore final : public SqlStore {
 public:
  struct Options {
    std::string path;
    std::size_t max_readers = 16;      // open at once; more wait
    std::size_t max_idle_readers = 4;  // kept open
    MigrateOptions migrate;
    // Deletions remembered for readers of the log; some more are kept between compactions.
    std::uint64_t kept_tombstones = 100'000;
    std::uint64_t max_pages = 0;  // size limit of the file, in pages of 4 KiB; 0 none
    // Told each statement as it begins, without its values. Any thread.
    std::function<void(std::string_view sql)> trace;
  };

  /// Opens or makes the file. Nothing is left behind but an empty file if it fails.
  /// Errors  as DatabaseFile::open, check_ownership, migrate
  static Result<std::unique_ptr<SqliteStore>> open(Options options);
  ~SqliteStore() override;

  /// The schema of a database that no store of this process has open. bring_up: migrates it
  /// first, also where that is disabled; else nothing is written.
  /// Errors   as open()
  static Result<SchemaState> schema(Options options, bool bring_up);

  /// Nobody else writes the file.
  Result<std::uint64_t> ask_latest(std::chrono::nanoseconds) override { return latest_revision(); }
  void end_read(std::unique_ptr<sql::Connection> connection) override;

 private:
  SqliteStore(Options options, DatabaseFile file);

  Status load();
  Result<std::unique_ptr<sqlite::Connection>> connect(bool writes);
  Result<WriteStart> start_write(std::chrono::nanoseconds wait) override;
  Result<ReadStart> start_read(Mode mode, std::chrono::nanoseconds wait) override;
  void give_back_writer(std::unique_ptr<sql::Connection> connection) override;
  Status commit_now(sql::Connection& connection, const Counters& counters) override;

  Options options_;
  DatabaseFile file_;                        // before the connections: it must outlive them
  std::unique_ptr<sql::Connection> writer_;  // absent while a transaction has it
  Counters counters_;                        // the writer's alone
  ConnectionPool readers_;
};

}  // namespace signet::datastore_sql
