// Sqlite: connections and prepared statements of SQLite, with Status errors.
#pragma once

#include <sqlite3.h>
#include <unordered_map>

#include "sql.h"

namespace signet::datastore_sql::sqlite {

/// What SQLite's extended result code means to a caller of the store: full disk
/// kResourceExhausted; locked, I/O, cannot open, read-only kUnavailable; else kInternal.
Status status_of(int extended_code, std::string_view what, std::string_view detail);

/// "file:..." for SQLITE_OPEN_URI. parameters: "?mode=ro", ...
std::string file_uri(const std::string& path, std::string_view parameters);

class Connection;

class Statement final : public sql::Statement {
 public:
  Statement(Connection* connection, sqlite3_stmt* handle, bool kept)
      : connection_(connection), handle_(handle), kept_(kept) {}
  ~Statement() override { sqlite3_finalize(handle_); }

  Statement& bind(std::int64_t value) override {
    sqlite3_bind_int64(handle_, ++bound_, value);
    return *this;
  }
  Statement& bind_text(std::string_view value) override {
    sqlite3_bind_text64(handle_, ++bound_, value.data() ? value.data() : "", value.size(),
                        SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Statement& bind_key(std::string_view value) override { return bind_text(value); }
  Statement& bind_keys(std::span<const std::string_view> values) override;
  Statement& bind_blob(std::string_view value) override {  // no bytes: an empty blob, not NULL
    sqlite3_bind_blob64(handle_, ++bound_, value.data() ? value.data() : "", value.size(),
                        SQLITE_STATIC);
    return *this;
  }

  Result<bool> step() override;
  Result<std::uint64_t> run() override;
  void rewind() override {
    sqlite3_reset(handle_);
    bound_ = 0;
  }

  std::int64_t integer(int column) const override { return sqlite3_column_int64(handle_, column); }
  std::string_view text(int column) const override;
  std::string_view blob(int column) const override;

 private:
  friend class Connection;
  void give_back() override;

  Connection* connection_;
  sqlite3_stmt* handle_;
  const bool kept_;
  bool leased_ = true;
  int bound_ = 0;
};

class Connection final : public sql::Connection {
 public:
  /// `flags` as for sqlite3_open_v2; `name` a path, or a URI with SQLITE_OPEN_URI.
  static Result<std::unique_ptr<Connection>> open(const std::string& name, int flags);
  ~Connection() override;

  sql::Dialect dialect() const override { return sql::Dialect::kSqlite; }
  Status exec(const std::string& sql) override;
  Status exec_each(std::initializer_list<std::string_view> sql) override;
  Result<sql::Lease> prepare(std::string_view sql, bool keep = true) override;
  bool in_transaction() const override { return sqlite3_get_autocommit(handle_) == 0; }
  Status roll_back() override { return in_transaction() ? exec("ROLLBACK") : Status(); }

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
  std::unordered_map<std::string, std::unique_ptr<Statement>, Hash, std::equal_to<>> statements_;
};

}  // namespace signet::datastore_sql::sqlite
