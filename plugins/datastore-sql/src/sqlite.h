// Sqlite: a thin owner of SQLite connections and prepared statements, with Status errors.
//
// A Connection is used by one thread at a time and keeps the statements it has prepared.
// A Lease is one use of such a statement: bound, stepped and given back, reset.
#pragma once

#include <cstdint>
#include <memory>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <unordered_map>

#include "signet/status.h"

namespace signet::datastore_sql::sqlite {

/// What SQLite's extended result code means to a caller of the store: full disk
/// kResourceExhausted; locked, I/O, cannot open, read-only kUnavailable; else kInternal.
Status status_of(int extended_code, std::string_view what, std::string_view detail);

struct CachedStatement {
  sqlite3_stmt* handle = nullptr;
  bool leased = false;
};

class Connection;

// Borrowed text stays bound until the Lease goes: it must live that long.
class Lease {
 public:
  Lease(Connection* connection, CachedStatement* cached, sqlite3_stmt* own)
      : connection_(connection), cached_(cached), handle_(cached ? cached->handle : own) {}
  Lease(Lease&& other) noexcept
      : connection_(other.connection_), cached_(other.cached_), handle_(other.handle_) {
    other.cached_ = nullptr;
    other.handle_ = nullptr;
  }
  Lease& operator=(Lease&&) = delete;
  ~Lease();

  Lease& bind(std::int64_t value) {
    sqlite3_bind_int64(handle_, ++bound_, value);
    return *this;
  }
  Lease& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  Lease& bind_text(std::string_view value) {
    sqlite3_bind_text64(handle_, ++bound_, value.data() ? value.data() : "", value.size(),
                        SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Lease& bind_blob(std::string_view value) {  // no bytes: an empty blob, not NULL
    sqlite3_bind_blob64(handle_, ++bound_, value.data() ? value.data() : "", value.size(),
                        SQLITE_STATIC);
    return *this;
  }

  /// True while there is a row.
  Result<bool> step();
  /// For statements that give no rows. The raw extended code, for those who tell codes apart.
  int run_code();
  Status run();
  /// Ready for the next set of values.
  void rewind() {
    sqlite3_reset(handle_);
    bound_ = 0;
  }

  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_, column); }
  std::string_view text(int column) const;
  std::string_view blob(int column) const;

 private:
  Connection* connection_;
  CachedStatement* cached_;
  sqlite3_stmt* handle_;
  int bound_ = 0;
};

class Connection {
 public:
  /// `flags` as for sqlite3_open_v2; `name` a path, or a URI with SQLITE_OPEN_URI.
  static Result<std::unique_ptr<Connection>> open(const std::string& name, int flags);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status exec(const char* sql);
  /// A statement; kept for the next time when `keep` and its text is already free.
  Result<Lease> prepare(std::string_view sql, bool keep = true);
  /// First column of the first row, 0 if there is none.
  Result<std::int64_t> integer(std::string_view sql);

  /// False when SQLite itself has rolled the transaction back.
  bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  Status error(std::string_view what) const;
  sqlite3* handle() const { return handle_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  explicit Connection(sqlite3* handle) : handle_(handle) {}

  sqlite3* handle_;
  std::unordered_map<std::string, CachedStatement, Hash, std::equal_to<>> statements_;
};

}  // namespace signet::datastore_sql::sqlite
