#include "sqlite_store.h"

#include <algorithm>
#include <utility>

#include "sqlite_schema.h"

namespace signet::datastore_sql {
namespace {

constexpr std::chrono::milliseconds kBusyTimeout{5000};  // for a shell that holds the file

int trace_statement(unsigned, void* trace, void*, void* text) {
  const std::string_view sql(static_cast<const char*>(text));
  if (!sql.starts_with("--")) (*static_cast<std::function<void(std::string_view)>*>(trace))(sql);
  return 0;
}

ConnectionPool::Limits reader_limits(const SqliteStore::Options& options) {
  ConnectionPool::Limits limits;
  limits.open = std::max<std::size_t>(options.max_readers, 1);
  limits.idle = options.max_idle_readers;
  return limits;
}

}  // namespace

SqliteStore::SqliteStore(Options options, DatabaseFile file)
    : SqlStore(options.kept_tombstones),
      options_(std::move(options)),
      file_(std::move(file)),
      readers_(reader_limits(options_), [this]() -> Result<std::unique_ptr<sql::Connection>> {
        SIGNET_TRY(auto connection, connect(false));
        return std::unique_ptr<sql::Connection>(std::move(connection));
      }) {}

SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(Options options) {
  SIGNET_TRY(DatabaseFile file, DatabaseFile::open(options.path));
  SIGNET_RETURN_IF_ERROR(check_ownership(options.path, options.migrate.migrations.size()));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(options), std::move(file)));
  const Status loaded = store->load();
  if (!loaded.ok()) {
    return loaded.prefixed("datastore file \"" + store->options_.path + "\"");
  }
  return store;
}

Result<SchemaState> SqliteStore::schema(Options options, bool bring_up) {
  options.migrate.disabled = false;
  const std::string path = options.path;
  const std::size_t known = options.migrate.migrations.size();
  if (bring_up) SIGNET_RETURN_IF_ERROR(open(std::move(options)).status());
  return read_schema(path, known);
}

Status SqliteStore::load() {
  SIGNET_TRY(writer_, connect(true));
  SIGNET_RETURN_IF_ERROR(migrate(*writer_, sqlite_schema_place(), options_.migrate));
  bool counted = false;
  {
    SIGNET_TRY(auto statement, writer_->prepare("SELECT name, value FROM counter", false));
    for (;;) {
      SIGNET_TRY(const bool row, statement->step());
      if (!row) break;
      for_each_counter(counters_, [&](std::string_view name, std::uint64_t& value) {
        if (name != statement->text(0)) return;
        value = static_cast<std::uint64_t>(statement->integer(1));
        counted = counted || name == "tombstones";
      });
    }
  }
  if (!counted) {
    SIGNET_TRY(const std::int64_t n, writer_->integer("SELECT count(*) FROM tombstone"));
    counters_.tombstones = static_cast<std::uint64_t>(n);
  }
  reached(counters_.revision);
  announce(counters_.revision);
  return {};
}

Result<std::unique_ptr<sqlite::Connection>> SqliteStore::connect(bool writes) {
  SIGNET_TRY(auto connection, sqlite::Connection::open(options_.path, SQLITE_OPEN_READWRITE));
  sqlite3_busy_timeout(connection->handle(), static_cast<int>(kBusyTimeout.count()));
  // 16 MiB of log before it is folded back: a page that many commits touch is then written
  // to the file once.
  SIGNET_RETURN_IF_ERROR(connection->exec(
      writes ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; "
               "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4096; "
               "PRAGMA journal_size_limit = 67108864"
             : "PRAGMA query_only = 1; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048"));
  if (writes && options_.max_pages != 0) {
    SIGNET_RETURN_IF_ERROR(
        connection->exec("PRAGMA max_page_count = " + std::to_string(options_.max_pages)));
  }
  if (options_.trace) {
    sqlite3_trace_v2(connection->handle(), SQLITE_TRACE_STMT, trace_statement, &options_.trace);
  }
  return connection;
}

Result<WriteStart> SqliteStore::start_write(std::chrono::nanoseconds) {
  SIGNET_RETURN_IF_ERROR(writer_->roll_back());  // a failed one's rest
  SIGNET_RETURN_IF_ERROR(writer_->exec("BEGIN IMMEDIATE"));
  return WriteStart{std::move(writer_), counters_};
}

void SqliteStore::give_back_writer(std::unique_ptr<sql::Connection> connection) {
  writer_ = std::move(connection);
}

Result<ReadStart> SqliteStore::start_read(Mode, std::chrono::nanoseconds wait) {
  SIGNET_TRY(auto taken, readers_.take(wait));
  ReadStart start;
  start.connection = std::move(taken.connection);
  // BEGIN alone takes no snapshot; the first read does.
  Status begun = start.connection->exec_each({"BEGIN"});
  if (begun.ok()) {
    auto statement = start.connection->prepare(
        "SELECT (SELECT value FROM counter WHERE name = 'revision'), "
        "(SELECT value FROM counter WHERE name = 'log_start')");
    begun = statement ? (*statement)->step().status() : statement.status();
    if (begun.ok()) {
      start.revision = static_cast<std::uint64_t>((*statement)->integer(0));
      start.log_start = static_cast<std::uint64_t>((*statement)->integer(1));
    }
  }
  if (!begun.ok()) {
    (void)start.connection->roll_back();
    readers_.give_back(std::move(start.connection));
    return begun;
  }
  return start;
}

void SqliteStore::end_read(std::unique_ptr<sql::Connection> connection) {
  readers_.give_back(std::move(connection));
}

Status SqliteStore::commit_now(sql::Connection& connection, const Counters& counters) {
  SIGNET_RETURN_IF_ERROR(connection.exec_each({"COMMIT"}));
  counters_ = counters;
  return {};
}

}  // namespace signet::datastore_sql
