#include "query_sql.h"

#include <algorithm>

#include "index_columns.h"

namespace signet::datastore_sql {
namespace {

constexpr std::size_t kKeptSetSize = 16;

class Builder {
 public:
  Builder(const KindSpec& kind, const Query& query, sql::Dialect dialect)
      : table_(kind.name), query_(query), dialect_(dialect) {}

  Result<SqlQuery> build(Select select, std::vector<IndexColumn> columns) {
    columns_ = std::move(columns);
    choose_index();
    for (const IndexColumn& column : columns_) {
      if (!column.given) continue;
      const Status added = add(column);
      if (!added.ok()) return added;
    }
    if (query_.expires_before != 0) {
      and_("expires_at > 0 AND expires_at < ?");
      out_.values.emplace_back(query_.expires_before);
    }
    if (query_.after_row != 0 && select != Select::kCount) {
      and_(row_ + " > ?");
      out_.values.emplace_back(static_cast<std::int64_t>(query_.after_row));
    }
    std::string sql = "SELECT ";
    switch (select) {
      case Select::kRecords:
        sql += "id, row, revision, expires_at, body";
        break;
      case Select::kHeaders:
        sql += "id, row, revision, expires_at";
        break;
      case Select::kCount:
        sql += "count(*)";
        break;
    }
    sql.append(" FROM ").append(table_).append(where_);
    if (select != Select::kCount) {
      sql += " ORDER BY " + row_;
      if (query_.limit != 0) {
        sql += " LIMIT ?";
        out_.values.emplace_back(static_cast<std::int64_t>(query_.limit));
      }
    }
    out_.sql = std::move(sql);
    return std::move(out_);
  }

 private:
  // PostgreSQL chooses by statistics, which it has not while the tables are filled, and keeps
  // what it chose. So it is left one choice that stays good: the key with the fewest records.
  // In the order of `row` it would walk the whole table for a key that nothing has.
  void choose_index() {
    if (dialect_ != sql::Dialect::kPostgres) return;
    const bool spiffe_id = given("spiffe_id") != nullptr;
    const bool parent_id = given("parent_id") != nullptr;
    if (spiffe_id) {
      unindexed_ = "parent_id";
    } else if (parent_id) {
      unindexed_ = "hint";
    }
    std::size_t conditions = query_.expires_before == 0 ? 0 : 1;
    for (const IndexColumn& column : columns_) conditions += column.given ? 1 : 0;
    if (conditions != 0) row_ = "(row + 0)";  // as the indexes with {row} have it
  }

  void and_(std::string_view condition) {
    where_ += where_.empty() ? " WHERE " : " AND ";
    where_ += condition;
  }

  Status add(const IndexColumn& column) {
    const std::string name(column.spec->name);
    switch (column.spec->type) {
      case KeyType::kText:
        if (name == unindexed_ || (name == "hint" && !unindexed_.empty())) {
          and_(name + " || '' = ?");
          out_.values.emplace_back(column.text);
          return {};
        }
        // The second term lets the database use a partial index of non-empty values.
        and_(column.text.empty() ? name + " = ''" : name + " = ?");
        if (!column.text.empty()) {
          if (name == "hint") where_ += " AND hint <> ''";
          out_.values.emplace_back(column.text);
        }
        return {};
      case KeyType::kFlag:  // literal, for the partial index
        and_(name + (column.flag ? " = 1" : " = 0"));
        return {};
      case KeyType::kSet:
        break;
    }
    const SetMatch match =
        name == "federates_with" ? query_.federates_match : query_.selector_match;
    switch (match) {
      case SetMatch::kExact:
        exact(column, name);
        return {};
      case SetMatch::kSubset:
        and_("row IN (SELECT s.row FROM " + set_table(name) + " s WHERE s.value " +
             is_one_of(column) + " GROUP BY s.row HAVING count(*) = (SELECT t." + name +
             "_count FROM " + std::string(table_) + " t WHERE t.row = s.row))");
        return {};
      case SetMatch::kSuperset:
        if (column.values.size() == 1) break;
        and_("row IN (SELECT row FROM " + set_table(name) + " WHERE value " + is_one_of(column) +
             " GROUP BY row HAVING count(*) = " + std::to_string(column.values.size()) + ")");
        return {};
      case SetMatch::kAny:
        break;
      default:
        return Status::invalid_argument("unknown match of index key \"" + name + "\"");
    }
    and_("row IN (SELECT row FROM " + set_table(name) + " WHERE value " + is_one_of(column) + ")");
    return {};
  }

  // Packed sets compare as bytes. What narrows the search is the similar-entry hash where
  // it can be computed, else the longest value, which is seldom the one that all share.
  void exact(const IndexColumn& column, const std::string& name) {
    const IndexColumn* spiffe_id = given("spiffe_id");
    const IndexColumn* parent_id = given("parent_id");
    if (name == "selector" && spiffe_id && parent_id) {
      and_("\"similar\" = ?");
      out_.values.emplace_back(similar_hash(parent_id->text, column.packed));
    } else if (!spiffe_id && !parent_id) {
      const auto longest = std::max_element(column.values.begin(), column.values.end(),
                                            [](auto a, auto b) { return a.size() < b.size(); });
      and_("row IN (SELECT row FROM " + set_table(name) + " WHERE value = ?)");
      out_.values.emplace_back(*longest);
    }
    and_(name + " = ?");
    out_.values.emplace_back(SqlQuery::Blob{column.packed});
  }

  const IndexColumn* given(std::string_view name) const {
    for (const IndexColumn& column : columns_) {
      if (column.given && column.spec->name == name) return &column;
    }
    return nullptr;
  }

  std::string set_table(const std::string& name) const { return std::string(table_) + "_" + name; }

  std::string is_one_of(const IndexColumn& column) {
    if (dialect_ == sql::Dialect::kPostgres) {
      out_.values.emplace_back(column.values);
      return "= ANY(?)";
    }
    if (column.values.size() > kKeptSetSize) out_.keep = false;
    std::string list = "IN (";
    for (const auto value : column.values) {
      list += list.back() == '(' ? "?" : ",?";
      out_.values.emplace_back(value);
    }
    return list + ")";
  }

  std::string_view table_;
  const Query& query_;
  const sql::Dialect dialect_;
  std::vector<IndexColumn> columns_;
  std::string where_;
  std::string row_ = "row";
  std::string_view unindexed_;  // a key whose index is not to be used
  SqlQuery out_;
};

}  // namespace

void SqlQuery::bind(sql::Statement& statement) const {
  for (const auto& value : values) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      statement.bind(*number);
    } else if (const auto* key = std::get_if<std::string_view>(&value)) {
      statement.bind_key(*key);
    } else if (const auto* keys = std::get_if<Keys>(&value)) {
      statement.bind_keys(*keys);
    } else {
      statement.bind_blob(std::get<Blob>(value).bytes);
    }
  }
}

Result<SqlQuery> build_query(const Query& query, Select select, sql::Dialect dialect) {
  SIGNET_TRY(const KindSpec* kind, find_kind(query.kind));
  if (query.where.size() > kMaxQueryKeys) {
    return Status::invalid_argument("query has " + std::to_string(query.where.size()) +
                                    " keys; at most " + std::to_string(kMaxQueryKeys));
  }
  SIGNET_TRY(auto columns, index_columns(*kind, query.where));
  return Builder(*kind, query, dialect).build(select, std::move(columns));
}

}  // namespace signet::datastore_sql
