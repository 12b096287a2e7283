// Sql: what the store needs of a database's client library, whichever database it is.
//
// A Connection is used by one thread at a time and keeps the statements it has prepared. A
// Lease is one use of such a statement: bound, stepped and given back. SQL text is written
// once for all databases, with '?' where a value goes; what they cannot agree on goes by
// Dialect.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::datastore_sql::sql {

enum class Dialect {
  kSqlite,
  kPostgres,  // has arrays; a failed statement spoils its transaction
};

// Borrowed text stays bound until the Lease goes or is rewound: it must live that long.
class Statement {
 public:
  virtual ~Statement() = default;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  virtual Statement& bind(std::int64_t value) = 0;
  Statement& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  /// A name or an id: stored as it is.
  virtual Statement& bind_text(std::string_view value) = 0;
  /// The value of an index key: stored so that it can be searched for, not read back.
  virtual Statement& bind_key(std::string_view value) = 0;
  /// Many of them as one array; for a dialect that has arrays.
  virtual Statement& bind_keys(std::span<const std::string_view> values) = 0;
  virtual Statement& bind_blob(std::string_view value) = 0;

  /// True while there is a row.
  virtual Result<bool> step() = 0;
  /// For statements that give no rows: how many they changed.
  virtual Result<std::uint64_t> run() = 0;
  /// Ready for the next set of values.
  virtual void rewind() = 0;

  // Of the present row; the views end with the next step().
  virtual std::int64_t integer(int column) const = 0;
  virtual std::string_view text(int column) const = 0;
  virtual std::string_view blob(int column) const = 0;

 protected:
  Statement() = default;
  friend struct GiveBack;
  virtual void give_back() = 0;  // to its connection, or it ends
};

struct GiveBack {
  void operator()(Statement* statement) const { statement->give_back(); }
};
using Lease = std::unique_ptr<Statement, GiveBack>;

class Connection {
 public:
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  virtual Dialect dialect() const = 0;
  /// Statements without values and without rows, separated by ';'.
  virtual Status exec(const std::string& sql) = 0;
  /// The same, one by one, each from a fixed set of texts that comes again and again.
  virtual Status exec_each(std::initializer_list<std::string_view> sql) = 0;
  /// A statement; kept for the next time when `keep` and its text is already free.
  virtual Result<Lease> prepare(std::string_view sql, bool keep = true) = 0;
  /// The same for a query of many rows: they need not all be in memory. Inside a transaction.
  virtual Result<Lease> prepare_large(std::string_view sql, bool keep = true) {
    return prepare(sql, keep);
  }
  /// False when the database itself has ended the transaction, or refuses all but its end.
  virtual bool in_transaction() const = 0;
  /// Ends the transaction, if there is one, without a trace.
  virtual Status roll_back() = 0;
  /// Of no more use: to be closed.
  virtual bool broken() const { return false; }

  /// First column of the first row, 0 if there is none.
  Result<std::int64_t> integer(std::string_view sql) {
    SIGNET_TRY(Lease statement, prepare(sql, false));
    SIGNET_TRY(const bool row, statement->step());
    return row ? statement->integer(0) : 0;
  }

 protected:
  Connection() = default;
};

}  // namespace signet::datastore_sql::sql
