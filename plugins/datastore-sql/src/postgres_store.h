// PostgresStore: the Store in a PostgreSQL database that several servers share.
//
// Whoever writes first raises counter "revision" and so holds that row's lock until its
// commit: that is the turn among all servers, and it makes revisions visible in their order.
// Readers have a snapshot (REPEATABLE READ). A follower keeps a connection of its own and
// tells of other servers' commits. While the server cannot be reached nobody waits for it:
// begin() fails at once, and the follower alone tries again.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "connection_string.h"
#include "postgres.h"
#include "schema.h"
#include "sql_store.h"
#include "watchdog.h"

namespace signet::datastore_sql {

class PostgresStore final : public SqlStore {
 public:
  struct Options {
    ConnectionString where;
    std::optional<ConnectionString> replica;  // for Mode::kReadStale
    ConnectionPool::Limits connections{20, 4};
    MigrateOptions migrate;
    // Deletions remembered for readers of the log; some more are kept between compactions.
    std::uint64_t kept_tombstones = 100'000;
    std::chrono::milliseconds poll{250};        // for other servers' commits, without LISTEN
    std::chrono::milliseconds heartbeat{1000};  // the same, with LISTEN
    bool listen = true;
    // A write transaction in which nothing happens for so long is ended by the database.
    std::chrono::milliseconds longest_idle_writer{15'000};
    // Told each statement as it begins, without its values. Any thread.
    std::function<void(std::string_view sql)> trace;
    // Told when the server is lost, with the reason, and when it is back. Any thread.
    std::function<void(bool away, std::string_view reason)> on_state;
  };

  /// Errors  kUnavailable; as check_ownership and migrate
  static Result<std::unique_ptr<PostgresStore>> open(Options options);
  ~PostgresStore() override;

  /// The schema of a database that no store of this process has open. bring_up: migrates it
  /// first, also where that is disabled; else nothing is written.
  /// Errors   as open()
  static Result<SchemaState> schema(Options options, bool bring_up);

  Result<std::uint64_t> ask_latest(std::chrono::nanoseconds wait) override;
  void end_read(std::unique_ptr<sql::Connection> connection) override;

 private:
  explicit PostgresStore(Options options);

  Status load();
  Result<std::unique_ptr<sql::Connection>> connect();
  Result<WriteStart> start_write(std::chrono::nanoseconds wait) override;
  Result<ReadStart> start_read(Mode mode, std::chrono::nanoseconds wait) override;
  void give_back_writer(std::unique_ptr<sql::Connection> connection) override;
  bool revision_is_stored() const override { return true; }
  Status commit_now(sql::Connection& connection, const Counters& counters) override;

  struct Begun {
    std::unique_ptr<sql::Connection> connection;
    sql::Lease rows;  // what the last statement of the beginning gave
  };
  /// limit    for the answer
  Result<Begun> begin_on(ConnectionPool& pool, const std::string& sql,
                         std::chrono::nanoseconds wait, std::chrono::milliseconds limit);
  Result<ReadStart> read_from(ConnectionPool& pool, std::chrono::nanoseconds wait);
  Result<Counters> read_counters(Begun& begun, std::uint64_t& timeline_seen);
  Status begin_timeline(sql::Connection& connection, Counters& counters, std::uint64_t timeline);

  // ---- The follower.
  void follow();
  Status follow_once(std::unique_ptr<postgres::Connection>& connection, bool& listens);
  void wait(postgres::Connection* connection, std::chrono::milliseconds time);
  void wake() const;  // ends the follower's wait
  void lost(const Status& why);
  void found();
  Status away() const;

  const Options options_;
  Watchdog watchdog_;
  std::string channel_;     // of NOTIFY
  bool timelines_ = false;  // the server tells its own
  ConnectionPool pool_;
  std::optional<ConnectionPool> replicas_;
  std::atomic<std::uint64_t> log_start_{0};  // as last seen

  mutable std::mutex away_mutex_;
  std::optional<Status> away_;  // why it cannot be reached

  int wake_[2] = {-1, -1};  // a pipe
  std::atomic<bool> stopping_{false};
  std::thread follower_;
};

}  // namespace signet::datastore_sql
