#include "postgres_schema.h"

namespace signet::datastore_sql {
namespace {

// What an extension brings along is nobody's table.
constexpr const char* kTables =
    "SELECT count(*), count(*) FILTER (WHERE c.relname = 'counter'), "
    "count(*) FILTER (WHERE c.relname IN ('migrations', 'registered_entries')) "
    "FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p') "
    "AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace "
    "WHERE nspname = current_schema()) "
    "AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND "
    "d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e')";

struct Tables {
  std::int64_t all = 0;
  std::int64_t counter = 0;
  std::int64_t spire = 0;
};

Result<Tables> tables(sql::Connection& connection) {
  SIGNET_TRY(auto statement, connection.prepare(kTables, false));
  SIGNET_TRY(const bool row, statement->step());
  if (!row) return Tables{};
  return Tables{statement->integer(0), statement->integer(1), statement->integer(2)};
}

Result<SchemaState> read_state(sql::Connection& connection) {
  SIGNET_TRY(const Tables seen, tables(connection));
  if (seen.counter == 0) return SchemaState{};
  SIGNET_TRY(auto statement,
             connection.prepare("SELECT count(*) FILTER (WHERE name = 'schema_version'), "
                                "COALESCE(max(value) FILTER (WHERE name = 'schema_version'), 0), "
                                "COALESCE(max(value) FILTER (WHERE name = 'oldest_program'), 0) "
                                "FROM counter",
                                false));
  SIGNET_TRY(const bool row, statement->step());
  if (!row || statement->integer(0) == 0) return SchemaState{};
  return SchemaState{statement->integer(1), statement->integer(2)};
}

}  // namespace

Status check_ownership(postgres::Connection& connection, const std::string& name,
                       std::size_t known_migrations) {
  const std::string what = "PostgreSQL database \"" + name + "\"";
  SIGNET_TRY(const std::int64_t schemas, connection.integer("SELECT count(current_schema())"));
  if (schemas == 0) {
    return Status::failed_precondition(what +
                                       " has no schema of its search_path to make tables in");
  }
  SIGNET_TRY(const Tables seen, tables(connection));
  if (seen.spire == 2) {
    SIGNET_TRY(const std::int64_t version,
               connection.integer("SELECT COALESCE(max(version), 0) FROM migrations"));
    return spire_database(what, version);
  }
  if (seen.all == 0) return {};
  const Result<SchemaState> state = read_state(connection);
  if (!state && state.status().code() == Code::kUnavailable) return state.status();
  if (!state || state->version == 0) {
    return Status::failed_precondition(
        what +
        " holds another program's tables; give the server a database of its own, or a "
        "schema (search_path) of its own");
  }
  const Status known = check_schema(*state, static_cast<std::int64_t>(known_migrations));
  return known.ok() ? known : known.prefixed(what);
}

SchemaPlace postgres_schema_place() {
  SchemaPlace place;
  // The lock is the transaction's. Its key is ours alone: "Sign" and the schema's number.
  place.begin =
      "BEGIN; SELECT pg_advisory_xact_lock((x'5369676e'::bigint << 32) | oid::bigint) FROM "
      "pg_catalog.pg_namespace WHERE nspname = current_schema()";
  place.read = read_state;
  place.write = [](sql::Connection& connection, const SchemaState& state) -> Status {
    return connection.exec("INSERT INTO counter (name, value) VALUES ('schema_version', " +
                           std::to_string(state.version) + "), ('oldest_program', " +
                           std::to_string(state.oldest_program) +
                           ") ON CONFLICT (name) DO UPDATE SET value = excluded.value");
  };
  return place;
}

}  // namespace signet::datastore_sql
