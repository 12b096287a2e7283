// SqliteStore: the Store on one SQLite file.
//
// WAL, synchronous=FULL. One connection writes, one transaction at a time; readers have
// connections of their own, opened when needed, each transaction on one snapshot. The file
// belongs to this process alone, so what the last commit left is known without asking.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "database_file.h"
#include "sqlite.h"
#include "store.h"

namespace signet::datastore_sql {

inline constexpr std::size_t kKindCount = 7;

class SqliteStore final : public Store {
 public:
  struct Options {
    std::string path;
    std::size_t max_readers = 16;      // open at once; more wait
    std::size_t max_idle_readers = 4;  // kept open
    bool disable_migration = false;
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

  Result<std::unique_ptr<Transaction>> begin(Mode mode, std::chrono::nanoseconds wait) override;
  Status changes(std::uint64_t since, std::uint32_t limit, std::chrono::nanoseconds wait,
                 const ChangeSink& sink) override;
  std::uint64_t latest_revision() const override { return latest_.load(std::memory_order_acquire); }
  void on_commit(std::function<void(std::uint64_t)> listener) override {
    listener_ = std::move(listener);
  }

  // ---- For the transaction (sqlite_transaction).

  // What the last commit left in table `counter`; the writer's alone.
  struct Counters {
    std::uint64_t revision = 0;
    std::uint64_t log_start = 0;  // changes after it are all known
    std::array<std::uint64_t, kKindCount> rows{};
  };
  sqlite::Connection& writer() { return *writer_; }
  const Counters& counters() const { return counters_; }
  /// Ends the write transaction that is open on writer(): counters, compaction, COMMIT.
  /// Rolls back if any of it fails.
  Status commit_writer(const Counters& now, std::uint64_t new_tombstones);
  void release_writer();
  void release_reader(std::unique_ptr<sqlite::Connection> reader);
  void announce(std::uint64_t revision);

 private:
  SqliteStore(Options options, DatabaseFile file);

  Status load();
  Result<std::unique_ptr<sqlite::Connection>> connect(bool writes);
  Status acquire_writer(std::chrono::nanoseconds wait);
  Result<std::unique_ptr<sqlite::Connection>> acquire_reader(std::chrono::nanoseconds wait);
  Status save(const Counters& now);
  Status compact(Counters& now);

  Options options_;
  DatabaseFile file_;  // before the connections: it must outlive them
  std::unique_ptr<sqlite::Connection> writer_;
  Counters counters_;
  std::uint64_t tombstones_ = 0;  // at most this many
  std::atomic<std::uint64_t> latest_{0};
  std::function<void(std::uint64_t)> listener_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable writer_free_;
  std::condition_variable reader_free_;
  bool writing_ = false;
  std::thread::id writing_thread_;
  std::size_t readers_open_ = 0;
  std::vector<std::unique_ptr<sqlite::Connection>> readers_idle_;
};

}  // namespace signet::datastore_sql
