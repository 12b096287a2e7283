#include "spire_database.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include <sys/stat.h>

#include "postgres.h"
#include "spire_tables.h"
#include "sqlite.h"

namespace signet::datastore_sql {
namespace {

namespace fs = std::filesystem;

// A folder that is gone with its owner.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  /// Copies the files of a database into a new folder below `parent`; gives the copy's path.
  Result<std::string> copy(const std::string& parent, const std::string& file) {
    std::string pattern = (fs::path(parent.empty() ? "." : parent) / "spire-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) {
      return Status::unavailable("cannot make folder " + pattern + ": " + std::strerror(errno));
    }
    path_ = pattern;
    const std::string copy = (path_ / "copy.sqlite3").string();
    for (const char* part : {"", "-wal", "-journal"}) {
      std::error_code error;
      if (*part && !fs::exists(file + part, error)) continue;
      fs::copy_file(file + part, copy + part, error);
      if (error) {
        return Status::unavailable("cannot copy \"" + file + part + "\": " + error.message());
      }
    }
    return copy;
  }

 private:
  fs::path path_;
};

// How the files looked: a server that started on them changes one of these.
std::string look_at(const std::string& path) {
  std::string out;
  for (const char* part : {"", "-wal", "-shm", "-journal"}) {
    struct stat info {};
    if (::stat((path + part).c_str(), &info) != 0) continue;
    for (const auto value :
         {static_cast<std::int64_t>(info.st_ino), static_cast<std::int64_t>(info.st_size),
          static_cast<std::int64_t>(info.st_mtim.tv_sec),
          static_cast<std::int64_t>(info.st_mtim.tv_nsec)}) {
      out += std::to_string(value) + " ";
    }
    out += ";";
  }
  return out;
}

bool has_bytes(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

// Who has it open has a lock on it (SQLite's are POSIX locks, in WAL mode for as long as it is
// open). Never called while this process itself has the file open by SQLite: closing the
// descriptor here would end its locks.
pid_t locked_by(const std::string& path) {
  pid_t owner = 0;
  for (const char* part : {"", "-shm"}) {
    const int fd = ::open((path + part).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) continue;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;  // from 0 to whatever end
    // A holder in another PID namespace has number 0, which says nothing of who it is.
    if (::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
      owner = lock.l_pid > 0 ? lock.l_pid : -1;
    }
    ::close(fd);
  }
  return owner;
}

class SpireSqlite final : public SpireDatabase {
 public:
  explicit SpireSqlite(const std::string& path)
      : SpireDatabase("SPIRE's datastore file \"" + path + "\""), path_(path) {}

  Status open(const Options& options) {
    struct stat info {};
    if (::stat(path_.c_str(), &info) != 0) {
      return refused(errno == ENOENT ? "does not exist; a relative path is looked for where this "
                                       "command runs"
                                     : std::string("cannot be read: ") + std::strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) return refused("is not a regular file");
    live_ = locked_by(path_) != 0;
    if (!options.live) SIGNET_RETURN_IF_ERROR(check_unlocked());
    seen_ = look_at(path_);
    std::string uri = sqlite::file_uri(path_, "?immutable=1");
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
    if (live_) {
      uri = sqlite::file_uri(path_, "?mode=ro");  // through the server's own log
    } else if (has_bytes(path_ + "-wal") || has_bytes(path_ + "-journal")) {
      SIGNET_TRY(const std::string copy, scratch_.copy(options.scratch, path_));
      uri = sqlite::file_uri(copy, "");
      flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI;
    }
    auto connection = sqlite::Connection::open(uri, flags);
    if (!connection) return connection.status().prefixed(name());
    connection_ = std::move(*connection);
    constexpr int kPatience = 5000;  // ms
    sqlite3_busy_timeout(connection_->handle(), kPatience);
    return begin(*connection_, "BEGIN");
  }

  Status check_idle() override {
    if (live_) return {};
    SIGNET_RETURN_IF_ERROR(check_unlocked());
    return look_at(path_) == seen_
               ? Status()
               : refused("was changed while it was read; stop whatever writes to it");
  }

 private:
  Status check_unlocked() const {
    const pid_t owner = locked_by(path_);
    if (owner == 0) return {};
    return refused("is in use" +
                   (owner > 0 ? " by process " + std::to_string(owner) : std::string()) +
                   "; stop the SPIRE server first");
  }

  const std::string path_;
  bool live_ = false;
  std::string seen_;
  Scratch scratch_;
  std::unique_ptr<sqlite::Connection> connection_;
};

class SpirePostgres final : public SpireDatabase {
 public:
  explicit SpirePostgres(const ConnectionString& where)
      : SpireDatabase("SPIRE's PostgreSQL database \"" + where.name() + "\""), where_(where) {}

  Status open(const Options& options) {
    live_ = options.live;
    SIGNET_TRY(watcher_, connect());
    SIGNET_RETURN_IF_ERROR(check_idle());
    SIGNET_TRY(connection_, connect());
    constexpr std::chrono::minutes kLongest{10};  // for one statement
    connection_->set_limit(kLongest);
    return begin(*connection_,
                 "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL bytea_output = hex");
  }

  // A session that has just ended is listed for a moment yet.
  Status check_idle() override {
    if (live_) return {};
    constexpr int kLooks = 20;
    constexpr std::chrono::milliseconds kBetween{100};
    std::int64_t busy = 0;
    for (int i = 0; i < kLooks; ++i) {
      if (i != 0) std::this_thread::sleep_for(kBetween);
      SIGNET_TRY(busy, busy_sessions());
      if (busy == 0) return {};
    }
    return refused("is in use by " + std::to_string(busy) +
                   " other sessions; stop all SPIRE servers that use it first");
  }

 private:
  // A server asks for something every 5 s; a pooler keeps sessions that do nothing. Our own have
  // their name.
  Result<std::int64_t> busy_sessions() {
    return watcher_->integer(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = "
        "current_user AND application_name <> 'signet-server' AND (state <> 'idle' OR "
        "state_change > clock_timestamp() - interval '20 seconds')");
  }
  Result<std::unique_ptr<postgres::Connection>> connect() {
    return postgres::Connection::open(where_, watchdog_, no_trace_);
  }

  const ConnectionString where_;
  const postgres::Connection::Trace no_trace_;
  bool live_ = false;
  Watchdog watchdog_;
  std::unique_ptr<postgres::Connection> watcher_, connection_;
};

template <typename T, typename Where>
Result<std::unique_ptr<SpireDatabase>> opened(const Where& where,
                                              const SpireDatabase::Options& options) {
  auto database = std::make_unique<T>(where);
  SIGNET_RETURN_IF_ERROR(database->open(options));
  return std::unique_ptr<SpireDatabase>(std::move(database));
}

}  // namespace

Status SpireDatabase::refused(const std::string& reason) const {
  return Status::failed_precondition(name_ + " " + reason);
}

Status SpireDatabase::begin(sql::Connection& connection, const char* begin_sql) {
  connection_ = &connection;
  SIGNET_RETURN_IF_ERROR(connection_->exec(begin_sql));
  SIGNET_TRY(schema_, check_spire_schema(*connection_, name_));
  SIGNET_TRY(content_, spire_content(*connection_));
  return {};
}

Result<std::unique_ptr<SpireDatabase>> SpireDatabase::open(const Config& config,
                                                           const Options& options) {
  if (const auto* sqlite = std::get_if<SqliteConfig>(&config.database)) {
    return opened<SpireSqlite>(sqlite->path, options);
  }
  return opened<SpirePostgres>(std::get<PostgresConfig>(config.database).where.for_any_session(),
                               options);
}

}  // namespace signet::datastore_sql
