// QuerySql: a Query as SQL text and the values to bind, in their order.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "signet/status.h"

#include "records.h"
#include "sql.h"

namespace signet::datastore_sql {

// Key values borrow from the Query; packed sets are owned.
struct SqlQuery {
  struct Blob {
    std::string bytes;
  };
  using Keys = std::vector<std::string_view>;  // one array
  std::string sql;
  std::vector<std::variant<std::int64_t, std::string_view, Blob, Keys>> values;
  bool keep = true;  // few enough keys for its statement to be worth keeping

  void bind(sql::Statement& statement) const;
};

enum class Select { kRecords, kHeaders, kCount };

/// Columns: id, row, revision, expires_at and, of kRecords, body; or the count alone.
/// Errors  kInvalidArgument: unknown kind or key, too many values, unknown match.
Result<SqlQuery> build_query(const Query& query, Select select, sql::Dialect dialect);

}  // namespace signet::datastore_sql
