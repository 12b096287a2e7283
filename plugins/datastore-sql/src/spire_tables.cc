#include "spire_tables.h"

#include <algorithm>
#include <map>
#include <set>

#include "signet/abi/spire_source.h"

#include "crypto/encoding.h"
#include "crypto/hash.h"
#include "schema.h"

namespace signet::datastore_sql {
namespace {

using enum SpireColumn::Kind;

constexpr SpireColumn kBundles[] = {{"t.trust_domain", kText}, {"t.data", kText}};
constexpr SpireColumn kFederation[] = {{"t.trust_domain", kText},
                                       {"t.bundle_endpoint_url", kText},
                                       {"t.bundle_endpoint_profile", kText},
                                       {"t.endpoint_spiffe_id", kText}};
constexpr SpireColumn kEntries[] = {
    {"t.entry_id", kText},   {"t.spiffe_id", kText},      {"t.parent_id", kText},
    {"t.ttl", kNumber},      {"t.jwt_svid_ttl", kNumber}, {"t.admin", kFlag},
    {"t.downstream", kFlag}, {"t.expiry", kNumber},       {"t.revision_number", kNumber},
    {"t.store_svid", kFlag}, {"t.hint", kText},           {"t.additional_attributes", kText, 25},
    {"t.created_at", kTime}};
constexpr SpireColumn kTypeAndValue[] = {{"t.type", kText}, {"t.value", kText}};
constexpr SpireColumn kDnsNames[] = {{"t.value", kText}};
constexpr SpireColumn kFederatesWith[] = {{"b.trust_domain", kText}};
constexpr SpireColumn kAgents[] = {{"t.spiffe_id", kText},         {"t.data_type", kText},
                                   {"t.serial_number", kText},     {"t.expires_at", kTime},
                                   {"t.new_serial_number", kText}, {"t.new_expires_at", kTime},
                                   {"t.can_reattest", kFlag},      {"t.agent_version", kText, 24}};
constexpr SpireColumn kJoinTokens[] = {{"t.token", kText}, {"t.expiry", kNumber}};
constexpr SpireColumn kJournals[] = {{"t.data", kText}};

// By number, from 1.
constexpr SpireTable kTables[] = {
    {"bundles t", "t.id", "", kBundles},
    {"federated_trust_domains t", "t.id", "", kFederation},
    {"registered_entries t", "t.id", "", kEntries},
    {"selectors t", "t.registered_entry_id", "t.id", kTypeAndValue},
    {"dns_names t", "t.registered_entry_id", "t.id", kDnsNames},
    {"federated_registration_entries t JOIN bundles b ON b.id = t.bundle_id",
     "t.registered_entry_id", "t.bundle_id", kFederatesWith},
    {"attested_node_entries t", "t.id", "", kAgents},
    {"node_resolver_map_entries t JOIN attested_node_entries a ON a.spiffe_id = t.spiffe_id",
     "a.id", "t.id", kTypeAndValue},
    {"join_tokens t", "t.id", "", kJoinTokens},
    {"ca_journals t", "t.id", "", kJournals},
};
static_assert(std::size(kTables) == SIGNET_SPIRE_TABLES);

// The columns that a table has. Those that are not read are here for what they are.
struct Known {
  std::string_view table;
  std::string_view columns;  // beside id, created_at and updated_at
  std::string_view later = {};
  std::int64_t since = 0;  // the schema that `later` came with
};
constexpr Known kKnown[] = {
    {"bundles", "trust_domain data"},
    {"federated_trust_domains",
     "trust_domain bundle_endpoint_url bundle_endpoint_profile endpoint_spiffe_id implicit"},
    {"registered_entries",
     "entry_id spiffe_id parent_id ttl jwt_svid_ttl admin downstream expiry revision_number "
     "store_svid hint",
     "additional_attributes", 25},
    {"selectors", "registered_entry_id type value"},
    {"dns_names", "registered_entry_id value"},
    {"federated_registration_entries", "bundle_id registered_entry_id"},
    {"attested_node_entries",
     "spiffe_id data_type serial_number expires_at new_serial_number new_expires_at can_reattest",
     "agent_version", 24},
    {"node_resolver_map_entries", "spiffe_id type value"},
    {"join_tokens", "token expiry"},
    {"ca_journals", "data active_x509_authority_id active_jwt_authority_id"},
};
constexpr std::string_view kJoinTable = "federated_registration_entries";  // no id, no times

std::set<std::string, std::less<>> words(std::string_view text) {
  std::set<std::string, std::less<>> out;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) out.emplace(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::set<std::string, std::less<>> expected(const Known& known, std::int64_t schema) {
  auto out = words(known.columns);
  if (known.table != kJoinTable) out.insert({"id", "created_at", "updated_at"});
  if (!known.later.empty() && schema >= known.since) out.emplace(known.later);
  return out;
}

// Seconds since 1970, rounded to the nearest as SPIRE does. Go's zero time lies before and means
// none. SQLite has the text that Go's driver wrote, "2006-01-02 15:04:05.999999999-07:00".
std::string time_sql(std::string_view column, sql::Dialect dialect) {
  const std::string c(column);
  if (dialect == sql::Dialect::kPostgres) {
    return "CAST(floor(extract(epoch FROM " + c + ") + 0.5) AS bigint)";
  }
  return "CASE WHEN substr(" + c + ", 20, 1) = '.' THEN CAST(strftime('%s', substr(" + c +
         ", 1, 19) || substr(" + c + ", -6)) AS INTEGER) + (substr(" + c +
         ", 21, 1) >= '5') ELSE CAST(strftime('%s', " + c + ") AS INTEGER) END";
}

std::string column_sql(const SpireColumn& column, sql::Dialect dialect, std::int64_t schema) {
  const std::string text(column.sql);
  if (schema < column.since) return "''";
  switch (column.kind) {
    case kFlag:
      return "CASE WHEN " + text + " THEN 1 ELSE 0 END";
    case kTime: {
      const std::string time = time_sql(text, dialect);
      return "CASE WHEN (" + time + ") > 0 THEN (" + time + ") ELSE 0 END";
    }
    default:
      return std::string(column.sql);
  }
}

Result<std::set<std::string, std::less<>>> names_of(sql::Connection& connection,
                                                    const std::string& sql) {
  std::set<std::string, std::less<>> out;
  SIGNET_TRY(auto statement, connection.prepare(sql, false));
  for (;;) {
    SIGNET_TRY(const bool row, statement->step());
    if (!row) return out;
    out.emplace(statement->text(0));
  }
}

Result<std::set<std::string, std::less<>>> tables_of(sql::Connection& connection) {
  return names_of(connection,
                  connection.dialect() == sql::Dialect::kPostgres
                      ? "SELECT CAST(table_name AS text) FROM information_schema.tables "
                        "WHERE table_schema = current_schema()"
                      : "SELECT name FROM sqlite_master WHERE type = 'table'");
}

Result<std::set<std::string, std::less<>>> columns_of(sql::Connection& connection,
                                                      std::string_view table) {
  const std::string name = "'" + std::string(table) + "'";
  return names_of(connection, connection.dialect() == sql::Dialect::kPostgres
                                  ? "SELECT CAST(column_name AS text) FROM "
                                    "information_schema.columns WHERE table_schema = "
                                    "current_schema() AND table_name = " +
                                        name
                                  : "SELECT name FROM pragma_table_info(" + name + ")");
}

std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

Status refused(std::string_view name, const std::string& reason) {
  return Status::failed_precondition(std::string(name) + " " + reason);
}

Status check_version(std::string_view name, std::int64_t schema) {
  if (schema >= kOldestSpireSchema && schema <= kNewestSpireSchema) return {};
  const std::string range = "; schemas " + std::to_string(kOldestSpireSchema) + " to " +
                            std::to_string(kNewestSpireSchema) + " can be imported: ";
  return refused(name, "has SPIRE's schema " + std::to_string(schema) + range +
                           (schema < kOldestSpireSchema
                                ? "run a SPIRE 1.15 server on it first, which brings it up to date"
                                : "it needs a newer Signet"));
}

Status check_columns(sql::Connection& connection, std::string_view name, const Known& known,
                     std::int64_t schema) {
  SIGNET_TRY(const auto there, columns_of(connection, known.table));
  const std::string table(known.table);
  const auto wanted = expected(known, schema);
  for (const std::string& column : wanted) {
    if (!there.contains(column)) {
      return refused(name, "has no column " + table + "." + column + ", which SPIRE's schema " +
                               std::to_string(schema) + " has: it is damaged");
    }
  }
  for (const std::string& column : there) {
    // Old databases keep columns that SPIRE has given up; but what is in one must not get lost.
    if (wanted.contains(column)) continue;
    SIGNET_TRY(const std::int64_t used,
               connection.integer("SELECT count(*) FROM " + table + " WHERE " + quoted(column) +
                                  " IS NOT NULL"));
    if (used != 0) {
      return refused(name, "has a column " + table + "." + column +
                               " that this program does not "
                               "know, with values in " +
                               std::to_string(used) + " rows");
    }
  }
  return {};
}

}  // namespace

Result<const SpireTable*> spire_table(std::uint32_t table) {
  if (table < 1 || table > std::size(kTables)) {
    return Status::invalid_argument("unknown table of a SPIRE database");
  }
  return &kTables[table - 1];
}

std::string spire_select(const SpireTable& table, sql::Dialect dialect, std::int64_t schema,
                         bool limited) {
  const std::string id(table.id);
  std::string sql = "SELECT " + id;
  for (const SpireColumn& column : table.columns) sql += ", " + column_sql(column, dialect, schema);
  sql += " FROM " + std::string(table.from) + " WHERE " + id + " > CAST(? AS bigint) AND " + id +
         " <= CAST(? AS bigint) ORDER BY " + id;
  if (!table.order.empty()) sql += ", " + std::string(table.order);
  if (limited) sql += " LIMIT CAST(? AS bigint)";
  return sql;
}

Result<std::int64_t> check_spire_schema(sql::Connection& connection, std::string_view name) {
  auto tables = tables_of(connection);
  if (!tables) return tables.status().prefixed(name);
  if (!tables->contains("migrations") || !tables->contains("registered_entries")) {
    return refused(name, "is no SPIRE database");
  }
  SIGNET_TRY(const std::int64_t schema, connection.integer("SELECT max(version) FROM migrations"));
  SIGNET_RETURN_IF_ERROR(check_version(name, schema));
  for (const Known& known : kKnown) {
    if (!tables->contains(known.table)) {
      return refused(name, "has no table " + std::string(known.table) + ", which SPIRE's schema " +
                               std::to_string(schema) + " has: it is damaged");
    }
    SIGNET_RETURN_IF_ERROR(check_columns(connection, name, known, schema));
  }
  return schema;
}

Result<std::string> spire_content(sql::Connection& connection) {
  const char* newest = connection.dialect() == sql::Dialect::kPostgres
                           ? "CAST(extract(epoch FROM max(updated_at)) AS text)"
                           : "max(updated_at)";
  std::string all;
  for (const Known& known : kKnown) {
    std::string sql = "SELECT count(*)";
    if (known.table != kJoinTable) sql += std::string(", max(id), ") + newest;
    SIGNET_TRY(auto statement,
               connection.prepare(sql + " FROM " + std::string(known.table), false));
    SIGNET_RETURN_IF_ERROR(statement->step().status());
    all.append(known.table).append(" ").append(std::to_string(statement->integer(0)));
    if (known.table != kJoinTable) {
      all.append(" ").append(std::to_string(statement->integer(1)));
      all.append(" ").append(statement->text(2));
    }
    all += "\n";
  }
  return crypto::hex_encode(crypto::sha256(all));
}

}  // namespace signet::datastore_sql
