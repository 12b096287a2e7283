#include "kind_sql.h"

#include <array>

namespace signet::datastore_sql {
namespace {

bool is_entry(const KindSpec& kind) { return kind.name == "entry"; }

KindSql make_sql(const KindSpec& kind, sql::Dialect dialect) {
  const bool arrays = dialect == sql::Dialect::kPostgres;
  const std::string table(kind.name);
  std::string names = "row, id, revision, expires_at";
  std::string marks = "?, ?, ?, ?";
  std::string settings = "revision = ?, expires_at = ?";
  std::string sets;
  KindSql sql;
  const auto column = [&](const std::string& name) {
    names += ", " + name;
    marks += ", ?";
    settings += ", " + name + " = ?";
  };
  for (const KeySpec& key : kind.keys) {
    const std::string name(key.name);
    if (key.type == KeyType::kSet) {
      column(name + "_count");
      sets += ", " + name;
      const std::string set_table = std::string(table).append("_").append(name);
      sql.add_values.push_back("INSERT INTO " + set_table + " (value, row) " +
                               (arrays ? "SELECT unnest(CAST(? AS bytea[])), ?" : "VALUES (?, ?)"));
      sql.drop_values.push_back("DELETE FROM " + set_table +
                                " WHERE value = " + (arrays ? "ANY(?)" : "?") + " AND row = ?");
    }
    column(name);
  }
  if (is_entry(kind)) column("\"similar\"");
  column("body");
  sql.get = "SELECT id, row, revision, expires_at, body FROM " + table + " WHERE id = ?";
  sql.find = "SELECT row, revision" + sets + " FROM " + table + " WHERE id = ?";
  sql.insert = "INSERT INTO " + table + " (" + names + ") VALUES (" + marks +
               ") ON CONFLICT (id) DO NOTHING";
  sql.update = "UPDATE " + table + " SET " + settings + " WHERE row = ?";
  sql.remove = "DELETE FROM " + table + " WHERE row = ?";
  return sql;
}

}  // namespace

const KindSql& sql_of(const KindSpec& kind, sql::Dialect dialect) {
  static const auto kSql = [] {
    std::array<std::vector<KindSql>, 2> all;
    for (const sql::Dialect one : {sql::Dialect::kSqlite, sql::Dialect::kPostgres}) {
      for (const KindSpec& spec : kinds()) {
        all[static_cast<std::size_t>(one)].push_back(make_sql(spec, one));
      }
    }
    return all;
  }();
  return kSql[static_cast<std::size_t>(dialect)][kind.index];
}

RecordView record_view(std::string_view kind, const sql::Statement& row, bool with_body) {
  RecordView record;
  record.kind = kind;
  record.id = row.text(0);
  record.row = static_cast<std::uint64_t>(row.integer(1));
  record.revision = static_cast<std::uint64_t>(row.integer(2));
  record.expires_at = row.integer(3);
  if (with_body) record.body = row.blob(4);
  return record;
}

Status not_found(std::string_view kind) {
  return Status::not_found(std::string(kind) + " not found");
}

void bind_columns(sql::Statement& statement, const KindSpec& kind,
                  const std::vector<IndexColumn>& columns, std::string_view body) {
  std::string_view parent_id;
  std::string_view selectors;
  for (const IndexColumn& column : columns) {
    switch (column.spec->type) {
      case KeyType::kText:
        statement.bind_key(column.text);
        if (column.spec->name == "parent_id") parent_id = column.text;
        break;
      case KeyType::kFlag:
        statement.bind(std::int64_t{column.flag});
        break;
      case KeyType::kSet:
        statement.bind(static_cast<std::uint64_t>(column.values.size()));
        statement.bind_blob(column.packed);
        if (column.spec->name == "selector") selectors = column.packed;
        break;
    }
  }
  if (is_entry(kind)) statement.bind(similar_hash(parent_id, selectors));
  statement.bind_blob(body);
}

}  // namespace signet::datastore_sql
