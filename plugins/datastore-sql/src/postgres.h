// Postgres: connections and prepared statements of PostgreSQL on libpqxx, with Status errors.
//
// Values travel in binary form, so that bytes are bytes. Nothing of a session outlives its
// transaction but prepared statements and LISTEN; behind a pooler that hands out another
// session with each transaction neither is used.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include <pqxx/pqxx>

#include "connection_string.h"
#include "sql.h"
#include "watchdog.h"

namespace signet::datastore_sql::postgres {

/// What an SQLSTATE means to a caller of the store: full disk kResourceExhausted; shut down,
/// read-only, no turn, out of resources kUnavailable; no right kFailedPrecondition; else
/// kInternal. Never a code that tells of the record itself.
Code code_of(std::string_view sqlstate);

class Connection;

class Statement final : public sql::Statement {
 public:
  /// name     of the prepared statement; empty: sent whole each time
  /// large    fetched piece by piece
  Statement(Connection* connection, std::string sql, std::string name, bool large);
  /// Over what has been read already.
  Statement(Connection* connection, const pqxx::result& result);

  Statement& bind(std::int64_t value) override;
  Statement& bind_text(std::string_view value) override;
  Statement& bind_key(std::string_view value) override;
  Statement& bind_keys(std::span<const std::string_view> values) override;
  Statement& bind_blob(std::string_view value) override { return bind_text(value); }

  Result<bool> step() override;
  Result<std::uint64_t> run() override;
  void rewind() override;

  std::int64_t integer(int column) const override;
  std::string_view text(int column) const override;
  std::string_view blob(int column) const override { return text(column); }

 private:
  friend class Connection;
  void give_back() override;
  Status execute();
  Status fetch();

  Connection* connection_;
  const std::string sql_;
  const std::string name_;
  const bool large_;
  bool kept_ = false;
  bool leased_ = true;
  std::vector<pqxx::binarystring> values_;

  bool executed_ = false;
  pqxx::result result_;
  pqxx::result::size_type next_ = 0;
  pqxx::row row_;                           // the present one
  std::string cursor_;                      // open; its rows come in binary form
  std::size_t asked_ = 0;                   // rows of the last fetch
  std::size_t pieces_ = 0;                  // rows of the next
  mutable std::vector<std::string> cells_;  // of the present row, decoded
};

class Connection final : public sql::Connection {
 public:
  using Trace = std::function<void(std::string_view sql)>;

  /// Errors   kUnavailable, in words without secrets
  static Result<std::unique_ptr<Connection>> open(const ConnectionString& where, Watchdog& watchdog,
                                                  const Trace& trace);
  ~Connection() override;

  sql::Dialect dialect() const override { return sql::Dialect::kPostgres; }
  Status exec(const std::string& sql) override;
  Status exec_each(std::initializer_list<std::string_view> sql) override;
  Result<sql::Lease> prepare(std::string_view sql, bool keep = true) override;
  Result<sql::Lease> prepare_large(std::string_view sql, bool keep = true) override;
  bool in_transaction() const override { return state_ == State::kOpen && !broken(); }
  Status roll_back() override;
  bool broken() const override { return broken_; }

  /// The rows of the last of several statements, in one exchange with the server.
  /// limit    for the answer; after it the connection is broken
  Result<sql::Lease> query(const std::string& sql, std::chrono::milliseconds limit);
  /// For statements that may take long.
  void set_limit(std::chrono::milliseconds limit) { limit_ = limit; }

  /// A pooler lies between, and the session is ours for one transaction only.
  bool pooled() const { return pooled_; }
  /// Calls fn with the payload of each notification that notifications() finds.
  Status listen(const std::string& channel, std::function<void(const std::string&)> fn);
  Status notifications();
  int socket() const;
  const ConnectionString& where() const { return where_; }

 private:
  friend class Statement;
  enum class State { kIdle, kOpen, kFailed };
  class Listener;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  Connection(const ConnectionString& where, const Trace& trace);

  template <typename F>
  Result<pqxx::result> run(std::string_view sql, std::chrono::milliseconds limit, F&& fn);
  template <typename F>
  Status guarded(F&& fn);
  Status failed(std::string_view sqlstate, const char* message);
  void ran(std::string_view sql, bool well);

  const ConnectionString& where_;
  const Trace& trace_;
  std::optional<pqxx::connection> session_;
  std::optional<pqxx::quiet_errorhandler> quiet_;  // libpqxx would write to stderr
  std::optional<Watchdog::Slot> slot_;
  std::unique_ptr<Listener> listener_;
  std::chrono::milliseconds limit_{20'000};
  State state_ = State::kIdle;
  bool broken_ = false;
  bool pooled_ = false;
  std::uint64_t names_ = 0;  // of statements and cursors
  std::unordered_map<std::string, std::unique_ptr<Statement>, Hash, std::equal_to<>> statements_;
};

}  // namespace signet::datastore_sql::postgres
