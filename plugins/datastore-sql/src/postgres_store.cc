#include "postgres_store.h"

#include <algorithm>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <utility>

#include "postgres_schema.h"

namespace signet::datastore_sql {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestLockWait{10'000};
constexpr milliseconds kBeginSlack{2'000};  // for all that begin() does besides waiting its turn
constexpr milliseconds kLongestIdleReader{300'000};
constexpr milliseconds kMigrationLimit{3'600'000};
// Commits that a promoted standby may lack, at most.
constexpr std::uint64_t kTimelineStep = 1u << 20;

// For one transaction only: behind a pooler the session is another's next. Every query of ours
// has an index, also while the planner still believes that the tables are empty. A server
// that froze in the middle of a write must not keep the others from writing.
std::string settings(milliseconds longest_idle) {
  return "; SET LOCAL enable_seqscan = off; SET LOCAL jit = off; SET LOCAL bytea_output = hex; "
         "SET LOCAL statement_timeout = 15000; "
         "SET LOCAL idle_in_transaction_session_timeout = " +
         std::to_string(longest_idle.count());
}

const std::string& begin_read_sql() {
  static const std::string kSql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" +
                                  settings(kLongestIdleReader) +
                                  "; SELECT name, value FROM counter "
                                  "WHERE name IN ('revision', 'log_start')";
  return kSql;
}

// READ COMMITTED: after the wait for the lock each statement sees what was committed before.
// Not READ WRITE: who makes a database read-only by its default means it.
std::string begin_write_sql(milliseconds lock_wait, milliseconds longest_idle, bool timelines) {
  std::string sql = "BEGIN ISOLATION LEVEL READ COMMITTED" + settings(longest_idle) +
                    "; SET LOCAL lock_timeout = " + std::to_string(lock_wait.count()) +
                    "; UPDATE counter SET value = value + 1 WHERE name = 'revision'"
                    "; SELECT name, value FROM counter";
  if (timelines) {
    sql +=
        " UNION ALL SELECT 'now.timeline', ('x' || substr(pg_walfile_name("
        "pg_current_wal_lsn()), 1, 8))::bit(32)::bigint";
  }
  return sql;
}

milliseconds to_ms(std::chrono::nanoseconds time, milliseconds at_most) {
  return std::clamp(
      std::chrono::duration_cast<milliseconds>(std::min<std::chrono::nanoseconds>(time, at_most)),
      milliseconds(1), at_most);
}

}  // namespace

PostgresStore::PostgresStore(Options options)
    : SqlStore(options.kept_tombstones),
      options_(std::move(options)),
      pool_(options_.connections, [this] { return connect(); }) {
  if (!options_.replica) return;
  replicas_.emplace(options_.connections, [this]() -> Result<std::unique_ptr<sql::Connection>> {
    SIGNET_TRY(auto connection,
               postgres::Connection::open(*options_.replica, watchdog_, options_.trace));
    return std::unique_ptr<sql::Connection>(std::move(connection));
  });
}

PostgresStore::~PostgresStore() {
  stopping_ = true;
  wake();
  if (follower_.joinable()) follower_.join();
  for (const int fd : wake_) {
    if (fd >= 0) ::close(fd);
  }
}

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(Options options) {
  std::unique_ptr<PostgresStore> store(new PostgresStore(std::move(options)));
  const Status loaded = store->load();
  if (!loaded.ok()) return loaded;
  return store;
}

Result<SchemaState> PostgresStore::schema(Options options, bool bring_up) {
  options.migrate.disabled = false;
  Watchdog watchdog;
  SIGNET_TRY(auto connection, postgres::Connection::open(options.where, watchdog, options.trace));
  connection->set_limit(kMigrationLimit);
  SIGNET_RETURN_IF_ERROR(
      check_ownership(*connection, options.where.name(), options.migrate.migrations.size()));
  const SchemaPlace place = postgres_schema_place();
  if (bring_up) SIGNET_RETURN_IF_ERROR(migrate(*connection, place, options.migrate));
  return place.read(*connection);
}

Status PostgresStore::load() {
  {
    SIGNET_TRY(auto connection,
               postgres::Connection::open(options_.where, watchdog_, options_.trace));
    connection->set_limit(kMigrationLimit);
    SIGNET_RETURN_IF_ERROR(
        check_ownership(*connection, options_.where.name(), options_.migrate.migrations.size()));
    SIGNET_RETURN_IF_ERROR(migrate(*connection, postgres_schema_place(), options_.migrate));
    SIGNET_TRY(const std::int64_t schema,
               connection->integer("SELECT oid::bigint FROM pg_catalog.pg_namespace "
                                   "WHERE nspname = current_schema()"));
    channel_ = "signet_" + std::to_string(schema);
    // Some managed servers do not tell.
    timelines_ = connection->integer("SELECT length(pg_walfile_name(pg_current_wal_lsn()))").ok();
  }
  SIGNET_TRY(ReadStart start, start_read(Mode::kRead, kLongestLockWait));
  reached(start.revision);
  announce(start.revision);
  (void)start.connection->roll_back();
  end_read(std::move(start.connection));
  if (::pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) {
    return Status::resource_exhausted("no file descriptor is left for the datastore");
  }
  follower_ = std::thread([this] { follow(); });
  return {};
}

// ---- Connections

Result<std::unique_ptr<sql::Connection>> PostgresStore::connect() {
  SIGNET_RETURN_IF_ERROR(away());
  auto connection = postgres::Connection::open(options_.where, watchdog_, options_.trace);
  if (!connection) {
    // Away, or out of connections? Who has one already can tell.
    wake();
    return connection.status();
  }
  return std::unique_ptr<sql::Connection>(std::move(*connection));
}

Status PostgresStore::away() const {
  const std::lock_guard lock(away_mutex_);
  return away_ ? *away_ : Status();
}

void PostgresStore::lost(const Status& why) {
  {
    const std::lock_guard lock(away_mutex_);
    if (away_) return;
    away_ = why;
  }
  pool_.drop_all();
  if (options_.on_state) options_.on_state(true, why.message());
}

void PostgresStore::found() {
  {
    const std::lock_guard lock(away_mutex_);
    if (!away_) return;
    away_.reset();
  }
  if (options_.on_state) options_.on_state(false, {});
}

// ---- Transactions

Result<PostgresStore::Begun> PostgresStore::begin_on(ConnectionPool& pool, const std::string& sql,
                                                     std::chrono::nanoseconds wait,
                                                     milliseconds limit) {
  bool fresh = false;
  for (;;) {
    SIGNET_TRY(auto taken, pool.take(wait, fresh));
    auto& connection = static_cast<postgres::Connection&>(*taken.connection);
    auto rows = connection.query(sql, limit);
    if (rows) return Begun{std::move(taken.connection), std::move(*rows)};
    (void)connection.roll_back();
    // A connection that has lain idle is often the first to learn that its server is gone.
    // Nothing was done yet, so another one may.
    const bool again = connection.broken() && taken.used_before;
    pool.give_back(std::move(taken.connection));
    if (!again) return rows.status();
    pool.drop_all();
    fresh = true;
  }
}

Result<WriteStart> PostgresStore::start_write(std::chrono::nanoseconds wait) {
  SIGNET_RETURN_IF_ERROR(away());
  const milliseconds turn = to_ms(wait, kLongestLockWait);
  const std::string sql = begin_write_sql(turn, options_.longest_idle_writer, timelines_);
  SIGNET_TRY(Begun begun, begin_on(pool_, sql, wait, turn + kBeginSlack));
  std::uint64_t timeline = 0;
  const auto before = [&]() -> Result<Counters> {
    SIGNET_TRY(Counters counters, read_counters(begun, timeline));
    if (timeline != 0) {
      SIGNET_RETURN_IF_ERROR(begin_timeline(*begun.connection, counters, timeline));
    }
    if (counters.revision == 0) return Status::internal("counter \"revision\" is missing");
    --counters.revision;  // this transaction has raised it
    return counters;
  }();
  if (!before) {
    begun.rows.reset();
    (void)begun.connection->roll_back();
    pool_.give_back(std::move(begun.connection));
    return before.status();
  }
  return WriteStart{std::move(begun.connection), *before};
}

// timeline    set when the server is on another one than the last commit was
Result<Counters> PostgresStore::read_counters(Begun& begun, std::uint64_t& timeline) {
  Counters counters;
  std::uint64_t known = 0;
  std::uint64_t now = 0;
  for (;;) {
    SIGNET_TRY(const bool row, begun.rows->step());
    if (!row) break;
    const auto value = static_cast<std::uint64_t>(begun.rows->integer(1));
    const std::string_view name = begun.rows->text(0);
    if (name == "timeline") known = value;
    if (name == "now.timeline") now = value;
    for_each_counter(counters, [&](std::string_view counter, std::uint64_t& place) {
      if (counter == name) place = value;
    });
  }
  timeline = now != known ? now : 0;
  return counters;
}

// A standby that was promoted may lack the last commits of its primary. Readers who saw those
// must not take the revisions that now come for the ones that they know: so these begin far
// beyond, and the log begins with them, which makes every reader load anew.
Status PostgresStore::begin_timeline(sql::Connection& connection, Counters& counters,
                                     std::uint64_t timeline) {
  const bool first = counters.revision <= 1;  // of a new database
  std::string sql = "INSERT INTO counter (name, value) VALUES ('timeline', " +
                    std::to_string(timeline) +
                    ") ON CONFLICT (name) DO UPDATE SET value = excluded.value";
  if (!first) {
    counters.revision += kTimelineStep;
    counters.log_start = counters.revision - 1;
    sql += "; UPDATE counter SET value = " + std::to_string(counters.revision) +
           " WHERE name = 'revision'; UPDATE counter SET value = " +
           std::to_string(counters.log_start) + " WHERE name = 'log_start'";
  }
  return connection.exec(sql);
}

Result<ReadStart> PostgresStore::read_from(ConnectionPool& pool, std::chrono::nanoseconds wait) {
  SIGNET_TRY(Begun begun,
             begin_on(pool, begin_read_sql(), wait, to_ms(wait, kLongestLockWait) + kBeginSlack));
  ReadStart start;
  for (;;) {
    const auto row = begun.rows->step();
    if (!row || !*row) break;
    const auto value = static_cast<std::uint64_t>(begun.rows->integer(1));
    (begun.rows->text(0) == "revision" ? start.revision : start.log_start) = value;
  }
  begun.rows.reset();
  start.connection = std::move(begun.connection);
  return start;
}

Result<ReadStart> PostgresStore::start_read(Mode mode, std::chrono::nanoseconds wait) {
  if (mode == Mode::kReadStale && replicas_) {
    auto start = read_from(*replicas_, wait);
    // One that lags so far that its readers could not go on with the log is of no use.
    if (start && start->revision >= log_start_) return start;
    if (start) {
      (void)start->connection->roll_back();
      replicas_->give_back(std::move(start->connection));
    }
  }
  SIGNET_RETURN_IF_ERROR(away());
  SIGNET_TRY(ReadStart start, read_from(pool_, wait));
  log_start_ = start.log_start;
  return start;
}

// Not by the follower's connection: that one may hang alone, and then nothing it tells is news.
Result<std::uint64_t> PostgresStore::ask_latest(std::chrono::nanoseconds wait) {
  SIGNET_RETURN_IF_ERROR(away());
  SIGNET_TRY(Begun begun, begin_on(pool_, "SELECT value FROM counter WHERE name = 'revision'", wait,
                                   to_ms(wait, kLongestLockWait)));
  const auto row = begun.rows->step();
  const auto revision = row && *row ? static_cast<std::uint64_t>(begun.rows->integer(0)) : 0;
  begun.rows.reset();
  pool_.give_back(std::move(begun.connection));
  if (!row) return row.status();
  return revision;
}

void PostgresStore::end_read(std::unique_ptr<sql::Connection> connection) {
  const bool of_replica =
      &static_cast<postgres::Connection&>(*connection).where() != &options_.where;
  (of_replica ? *replicas_ : pool_).give_back(std::move(connection));
}

void PostgresStore::give_back_writer(std::unique_ptr<sql::Connection> connection) {
  pool_.give_back(std::move(connection));
}

Status PostgresStore::commit_now(sql::Connection& connection, const Counters& counters) {
  Status done = connection.exec("NOTIFY " + channel_ + ", '" + std::to_string(counters.revision) +
                                "'; COMMIT");
  if (!done.ok() && connection.broken()) {
    return Status::unavailable(
        "the connection was lost in a commit: whether it took place is "
        "not known: " +
        done.message());
  }
  return done;
}

}  // namespace signet::datastore_sql
