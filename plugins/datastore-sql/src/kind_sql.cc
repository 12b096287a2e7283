#include "kind_sql.h"

namespace signet::datastore_sql {
namespace {

bool is_entry(const KindSpec& kind) { return kind.name == "entry"; }

KindSql make_sql(const KindSpec& kind) {
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
      sql.add_value.emplace_back("INSERT INTO ")
          .append(set_table)
          .append(" (value, row) VALUES (?, ?)");
      sql.drop_value.emplace_back("DELETE FROM ")
          .append(set_table)
          .append(" WHERE value = ? AND row = ?");
    }
    column(name);
  }
  if (is_entry(kind)) column("similar");
  column("body");
  sql.get = "SELECT id, row, revision, expires_at, body FROM " + table + " WHERE id = ?";
  sql.find = "SELECT row, revision" + sets + " FROM " + table + " WHERE id = ?";
  sql.insert = "INSERT INTO " + table + " (" + names + ") VALUES (" + marks + ")";
  sql.update = "UPDATE " + table + " SET " + settings + " WHERE row = ?";
  sql.remove = "DELETE FROM " + table + " WHERE row = ?";
  return sql;
}

}  // namespace

const KindSql& sql_of(const KindSpec& kind) {
  static const std::vector<KindSql> kSql = [] {
    std::vector<KindSql> all;
    for (const KindSpec& one : kinds()) all.push_back(make_sql(one));
    return all;
  }();
  return kSql[kind.index];
}

RecordView record_view(std::string_view kind, const sqlite::Lease& row, bool with_body) {
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

void bind_columns(sqlite::Lease& statement, const KindSpec& kind,
                  const std::vector<IndexColumn>& columns, std::string_view body) {
  std::string_view parent_id;
  std::string_view selectors;
  for (const IndexColumn& column : columns) {
    switch (column.spec->type) {
      case KeyType::kText:
        statement.bind_text(column.text);
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
