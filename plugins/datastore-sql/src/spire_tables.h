// SpireTables: the tables of a SPIRE server's database as statements, and whether they are as
// known. Source: docs/spire-compatibility.md, "SPIRE's database".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "signet/status.h"

#include "sql.h"

namespace signet::datastore_sql {

struct SpireColumn {
  std::string_view sql;  // on SPIRE's table t, and what it is joined with
  enum class Kind : std::uint8_t { kText, kNumber, kFlag, kTime } kind;
  std::int64_t since = 0;  // the schema that it came with; before, it is empty
};

// What a table of abi/spire_source.h is read from.
struct SpireTable {
  std::string_view from;   // "selectors t"
  std::string_view id;     // "t.registered_entry_id"
  std::string_view order;  // of rows with the same id, as SPIRE has them
  std::span<const SpireColumn> columns;
};

/// table    SIGNET_SPIRE_*. Errors   kInvalidArgument: no such table
Result<const SpireTable*> spire_table(std::uint32_t table);

/// Values to bind: after, upto and, when `limited`, the limit. Columns: the id, then the table's.
std::string spire_select(const SpireTable& table, sql::Dialect dialect, std::int64_t schema,
                         bool limited);

/// Errors   kFailedPrecondition: no SPIRE database, another schema than those that can be brought
///          over, a table or column missing, or a column nobody knows that is not empty
Result<std::int64_t> check_spire_schema(sql::Connection& connection, std::string_view name);

/// Differs when the tables do: how many rows each has, its newest id and the time of its last
/// change.
Result<std::string> spire_content(sql::Connection& connection);

}  // namespace signet::datastore_sql
