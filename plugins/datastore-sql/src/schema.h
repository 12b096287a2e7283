// Schema: the tables, their versions and how one version becomes the next, on any database.
//
// A migration expands (adds what older programs do not mind) or contracts (removes what only
// they used), never both. Each says the oldest program that can work with the database after
// it, so that servers on one database are upgraded one by one: the first new server expands,
// the last old one goes, a later release contracts. A program is named by the number of
// migrations that it knows.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "sql.h"

namespace signet::datastore_sql {

struct Migration {
  std::int64_t oldest_program;  // that still works with the database after this
  // Statements separated by ';'. {text} {name} {int} {blob} are types, {clustered} and {hot}
  // follow a CREATE TABLE's columns, {row} the columns of an index; see schema.cc.
  std::string_view statements;
};
/// Ours; entry n brings schema n to n + 1.
std::span<const Migration> migrations();

struct SchemaState {
  std::int64_t version = 0;  // 0: no tables yet
  std::int64_t oldest_program = 0;
};

struct MigrateOptions {
  std::span<const Migration> migrations = datastore_sql::migrations();
  bool disabled = false;  // an older schema is an error; an empty database is filled anyway
  // Called before each statement and before each COMMIT; an error ends the migration there.
  std::function<Status(std::int64_t version, std::string_view sql)> before;
};

// Where a database keeps its SchemaState.
struct SchemaPlace {
  std::string begin;  // begins a transaction that keeps other migrations out
  std::function<Result<SchemaState>(sql::Connection&)> read;
  std::function<Status(sql::Connection&, const SchemaState&)> write;
};

/// Whether a program of `known` migrations may use a database in this state.
/// Errors   kFailedPrecondition: the database is too new.
Status check_schema(const SchemaState& state, std::int64_t known);

/// Brings the schema up to date, each step in a transaction of its own: cut off anywhere, the
/// next run goes on with the step that was not finished.
/// Errors   kFailedPrecondition: too new, or older and disabled; the database's
Status migrate(sql::Connection& connection, const SchemaPlace& place,
               const MigrateOptions& options);

// The schemas of SPIRE that can be brought over.
inline constexpr std::int64_t kOldestSpireSchema = 23;
inline constexpr std::int64_t kNewestSpireSchema = 25;

/// How to bring over a SPIRE database, which is left as it is.
/// what      "datastore file \"x\"", "PostgreSQL database \"y\""
/// version   SPIRE's schema number; 0 when it is not known
Status spire_database(std::string_view what, std::int64_t version);

}  // namespace signet::datastore_sql
