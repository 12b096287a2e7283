#include "sqlite_store.h"

#include <algorithm>
#include <utility>

#include "sqlite_schema.h"
#include "sqlite_transaction.h"

namespace signet::datastore_sql {
namespace {

// A caller without a deadline waits no longer than this for its turn.
constexpr std::chrono::nanoseconds kLongestWait = std::chrono::seconds(60);
constexpr std::chrono::milliseconds kBusyTimeout{5000};  // for a shell that holds the file

Result<std::uint64_t> read_counter(sqlite::Connection& connection, std::string_view name) {
  SIGNET_TRY(auto statement, connection.prepare("SELECT value FROM counter WHERE name = ?"));
  statement.bind_text(name);
  SIGNET_TRY(bool row, statement.step());
  return static_cast<std::uint64_t>(row ? statement.integer(0) : 0);
}

int trace_statement(unsigned, void* trace, void*, void* text) {
  const std::string_view sql(static_cast<const char*>(text));
  if (!sql.starts_with("--")) (*static_cast<std::function<void(std::string_view)>*>(trace))(sql);
  return 0;
}

std::string row_counter(const KindSpec& kind) { return "row." + std::string(kind.name); }

}  // namespace

SqliteStore::SqliteStore(Options options, DatabaseFile file)
    : options_(std::move(options)), file_(std::move(file)) {
  options_.max_readers = std::max<std::size_t>(options_.max_readers, 1);
}

SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(Options options) {
  SIGNET_TRY(DatabaseFile file, DatabaseFile::open(options.path));
  SIGNET_RETURN_IF_ERROR(check_ownership(options.path));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(options), std::move(file)));
  const Status loaded = store->load();
  if (!loaded.ok()) {
    return loaded.prefixed("datastore file \"" + store->options_.path + "\"");
  }
  return store;
}

Status SqliteStore::load() {
  SIGNET_TRY(writer_, connect(true));
  SIGNET_RETURN_IF_ERROR(migrate(*writer_, options_.disable_migration));
  SIGNET_TRY(counters_.revision, read_counter(*writer_, "revision"));
  SIGNET_TRY(counters_.log_start, read_counter(*writer_, "log_start"));
  for (const KindSpec& kind : kinds()) {
    SIGNET_TRY(counters_.rows[kind.index], read_counter(*writer_, row_counter(kind)));
  }
  SIGNET_TRY(std::int64_t tombstones, writer_->integer("SELECT count(*) FROM tombstone"));
  tombstones_ = static_cast<std::uint64_t>(tombstones);
  latest_.store(counters_.revision, std::memory_order_release);
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
    const std::string limit = "PRAGMA max_page_count = " + std::to_string(options_.max_pages);
    SIGNET_RETURN_IF_ERROR(connection->exec(limit.c_str()));
  }
  if (options_.trace) {
    sqlite3_trace_v2(connection->handle(), SQLITE_TRACE_STMT, trace_statement, &options_.trace);
  }
  return connection;
}

Status SqliteStore::acquire_writer(std::chrono::nanoseconds wait) {
  std::unique_lock lock(mutex_);
  if (writing_ && writing_thread_ == std::this_thread::get_id()) {
    return Status::failed_precondition("this thread has a write transaction open already");
  }
  if (!writer_free_.wait_for(lock, std::min(wait, kLongestWait), [this] { return !writing_; })) {
    return Status::unavailable("no turn to write to the datastore within the time allowed");
  }
  writing_ = true;
  writing_thread_ = std::this_thread::get_id();
  return {};
}

void SqliteStore::release_writer() {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    writing_thread_ = {};
  }
  writer_free_.notify_one();
}

Result<std::unique_ptr<sqlite::Connection>> SqliteStore::acquire_reader(
    std::chrono::nanoseconds wait) {
  {
    std::unique_lock lock(mutex_);
    const bool free = reader_free_.wait_for(lock, std::min(wait, kLongestWait), [this] {
      return !readers_idle_.empty() || readers_open_ < options_.max_readers;
    });
    if (!free) {
      return Status::unavailable("no turn to read from the datastore within the time allowed");
    }
    if (!readers_idle_.empty()) {
      auto reader = std::move(readers_idle_.back());
      readers_idle_.pop_back();
      return reader;
    }
    ++readers_open_;
  }
  auto reader = connect(false);
  if (!reader) release_reader(nullptr);
  return reader;
}

void SqliteStore::release_reader(std::unique_ptr<sqlite::Connection> reader) {
  {
    const std::lock_guard lock(mutex_);
    if (reader && readers_idle_.size() < options_.max_idle_readers) {
      readers_idle_.push_back(std::move(reader));
    } else {
      --readers_open_;
    }
  }
  reader_free_.notify_one();
}

Result<std::unique_ptr<Transaction>> SqliteStore::begin(Mode mode, std::chrono::nanoseconds wait) {
  if (mode == Mode::kWrite) {
    SIGNET_RETURN_IF_ERROR(acquire_writer(wait));
    Status begun;
    if (writer_->in_transaction()) begun = writer_->exec("ROLLBACK");  // a failed one's rest
    if (begun.ok()) begun = writer_->exec("BEGIN IMMEDIATE");
    if (!begun.ok()) {
      release_writer();
      return begun;
    }
    return std::unique_ptr<Transaction>(SqliteTransaction::writer(*this));
  }
  SIGNET_TRY(auto reader, acquire_reader(wait));
  // BEGIN alone takes no snapshot; the first read does.
  Status begun = reader->exec("BEGIN");
  Result<std::uint64_t> revision =
      begun.ok() ? read_counter(*reader, "revision") : Result<std::uint64_t>(begun);
  if (!revision) {
    if (reader->in_transaction()) (void)reader->exec("ROLLBACK");
    release_reader(std::move(reader));
    return revision.status();
  }
  return std::unique_ptr<Transaction>(
      SqliteTransaction::reader(*this, std::move(reader), *revision));
}

Status SqliteStore::save(const Counters& now) {
  const auto put = [this](std::string_view name, std::uint64_t value) -> Status {
    SIGNET_TRY(auto statement,
               writer_->prepare("INSERT OR REPLACE INTO counter (name, value) VALUES (?, ?)"));
    return statement.bind_text(name).bind(value).run();
  };
  SIGNET_RETURN_IF_ERROR(put("revision", now.revision));
  if (now.log_start != counters_.log_start) {
    SIGNET_RETURN_IF_ERROR(put("log_start", now.log_start));
  }
  for (const KindSpec& kind : kinds()) {
    if (now.rows[kind.index] == counters_.rows[kind.index]) continue;
    SIGNET_RETURN_IF_ERROR(put(row_counter(kind), now.rows[kind.index]));
  }
  return {};
}

// Drops the oldest deletions. Live records need none of this: their revision is a column.
Status SqliteStore::compact(Counters& now) {
  SIGNET_TRY(std::int64_t cut,
             writer_->integer("SELECT revision FROM tombstone ORDER BY revision DESC "
                              "LIMIT 1 OFFSET " +
                              std::to_string(options_.kept_tombstones)));
  if (cut == 0) return {};
  // One commit's deletions go or stay together; the newest commit's always stay.
  const std::uint64_t start =
      std::min(static_cast<std::uint64_t>(cut), now.revision == 0 ? 0 : now.revision - 1);
  SIGNET_TRY(auto statement, writer_->prepare("DELETE FROM tombstone WHERE revision <= ?"));
  SIGNET_RETURN_IF_ERROR(statement.bind(start).run());
  now.log_start = std::max(now.log_start, start);
  return {};
}

Status SqliteStore::commit_writer(const Counters& now, std::uint64_t new_tombstones) {
  Counters next = now;
  std::uint64_t tombstones = tombstones_ + new_tombstones;
  Status done;
  if (tombstones > options_.kept_tombstones + options_.kept_tombstones / 4) {
    done = compact(next);
    if (done.ok()) {
      auto left = writer_->integer("SELECT count(*) FROM tombstone");
      if (left) tombstones = static_cast<std::uint64_t>(*left);
    }
  }
  if (done.ok()) done = save(next);
  if (done.ok()) done = writer_->exec("COMMIT");
  if (!done.ok()) {
    if (writer_->in_transaction()) (void)writer_->exec("ROLLBACK");
    return done;
  }
  counters_ = next;
  tombstones_ = tombstones;
  latest_.store(counters_.revision, std::memory_order_release);
  return {};
}

void SqliteStore::announce(std::uint64_t revision) {
  if (listener_) listener_(revision);
}

}  // namespace signet::datastore_sql
