// The revision log read back: each kind's table by revision, and the deletions, in one order.
#include "sql_store.h"

namespace signet::datastore_sql {
namespace {

// Columns: revision, place of the kind in kinds(), id, deleted. A deletion is no news when the
// record lives again: then it has its own place in the log.
std::string log_sql() {
  std::string sql;
  for (const KindSpec& kind : kinds()) {
    const std::string table(kind.name);
    const std::string number = std::to_string(kind.index);
    if (!sql.empty()) sql += " UNION ALL ";
    sql += "SELECT revision, " + number + " AS kind, id, 0 AS deleted FROM " + table +
           " WHERE revision > ?";
  }
  sql += " UNION ALL SELECT revision, CASE kind";
  for (const KindSpec& kind : kinds()) {
    sql += " WHEN '" + std::string(kind.name) + "' THEN " + std::to_string(kind.index);
  }
  sql += " END, id, 1 FROM tombstone t WHERE revision > ?";
  sql += " AND NOT CASE kind";
  for (const KindSpec& kind : kinds()) {
    sql += " WHEN '" + std::string(kind.name) + "' THEN EXISTS (SELECT 1 FROM " +
           std::string(kind.name) + " r WHERE r.id = t.id)";
  }
  return sql + " END ORDER BY 1";
}

}  // namespace

Status read_log(sql::Connection& connection, std::uint64_t since, std::uint32_t limit,
                const ChangeSink& sink) {
  static const std::string kSql = log_sql();
  SIGNET_TRY(auto statement, connection.prepare_large(kSql));
  for (std::size_t i = 0; i <= kinds().size(); ++i) statement->bind(since);
  std::uint64_t last = 0;
  std::uint32_t said = 0;  // revisions that said something
  for (;;) {
    SIGNET_TRY(const bool row, statement->step());
    if (!row) return {};
    ChangeView change;
    change.revision = static_cast<std::uint64_t>(statement->integer(0));
    const auto kind = static_cast<std::size_t>(statement->integer(1));
    if (kind >= kinds().size()) continue;  // a newer program's
    change.kind = kinds()[kind].name;
    change.id = statement->text(2);
    change.deleted = statement->integer(3) != 0;
    if (change.revision != last) {
      if (limit != 0 && said == limit) return {};
      ++said;
      last = change.revision;
    }
    SIGNET_RETURN_IF_ERROR(sink(change));
  }
}

}  // namespace signet::datastore_sql
