#include "record_writer.h"

#include <algorithm>
#include <iterator>

#include "kind_sql.h"

namespace signet::datastore_sql {
namespace {

Status check_limits(const NewRecord& record) {
  if (record.id.empty() || record.id.size() > kMaxIdBytes) {
    return Status::invalid_argument("record id must have 1 to " + std::to_string(kMaxIdBytes) +
                                    " bytes");
  }
  if (record.body.size() > kMaxBodyBytes) {
    return Status::invalid_argument("record body is longer than " + std::to_string(kMaxBodyBytes) +
                                    " bytes");
  }
  if (record.if_revision < kRevisionAny) {
    return Status::invalid_argument("if_revision must be a revision, 0 or -1");
  }
  if (record.expires_at < 0) return Status::invalid_argument("expires_at must not be negative");
  return {};
}

Status revision_differs(std::string_view kind) {
  return {Code::kAborted, std::string(kind) + " was changed by another writer"};
}

}  // namespace

Status RecordWriter::put(const NewRecord& record, Stored& stored) {
  SIGNET_RETURN_IF_ERROR(check_limits(record));
  SIGNET_TRY(const KindSpec* kind, find_kind(record.kind));
  SIGNET_TRY(auto columns, index_columns(*kind, record.keys));
  stored.revision = revision_;
  if (record.if_revision == kRevisionAbsent) return insert(record, *kind, columns, stored);

  std::uint64_t row = 0;
  std::vector<std::string> old_sets;
  {
    SIGNET_TRY(auto statement, connection_.prepare(sql_of(*kind, connection_.dialect()).find));
    statement->bind_text(record.id);
    SIGNET_TRY(bool found, statement->step());
    if (found) {
      if (record.if_revision != kRevisionAny && record.if_revision != statement->integer(1)) {
        return revision_differs(kind->name);
      }
      row = static_cast<std::uint64_t>(statement->integer(0));
      const std::size_t sets = sql_of(*kind, connection_.dialect()).add_values.size();
      for (std::size_t i = 0; i < sets; ++i) {
        old_sets.emplace_back(statement->blob(2 + static_cast<int>(i)));
      }
    }
  }
  if (row == 0) {
    if (record.if_revision != kRevisionAny) return revision_differs(kind->name);
    return insert(record, *kind, columns, stored);
  }
  stored.row = row;
  return update(record, *kind, columns, row, old_sets);
}

Status RecordWriter::insert(const NewRecord& record, const KindSpec& kind,
                            const std::vector<IndexColumn>& columns, Stored& stored) {
  std::uint64_t& last_row = counters_.rows[kind.index];
  if (last_row >= kMaxRow) {
    return Status::resource_exhausted("no row number is left for kind " + std::string(kind.name));
  }
  const KindSql& sql = sql_of(kind, connection_.dialect());
  stored.row = last_row + 1;
  SIGNET_TRY(auto statement, connection_.prepare(sql.insert));
  statement->bind(stored.row).bind_text(record.id).bind(revision_).bind(record.expires_at);
  bind_columns(*statement, kind, columns, record.body);
  SIGNET_TRY(const std::uint64_t written, statement->run());
  if (written == 0) return Status::already_exists(std::string(kind.name) + " already exists");
  ++last_row;
  progress_.changed = true;
  std::size_t set = 0;
  for (const IndexColumn& column : columns) {
    if (column.spec->type != KeyType::kSet) continue;
    SIGNET_RETURN_IF_ERROR(change_values(sql.add_values[set++], stored.row, column.values));
  }
  return {};
}

Status RecordWriter::update(const NewRecord& record, const KindSpec& kind,
                            const std::vector<IndexColumn>& columns, std::uint64_t row,
                            const std::vector<std::string>& old_sets) {
  const KindSql& sql = sql_of(kind, connection_.dialect());
  SIGNET_TRY(auto statement, connection_.prepare(sql.update));
  statement->bind(revision_).bind(record.expires_at);
  bind_columns(*statement, kind, columns, record.body);
  statement->bind(row);
  SIGNET_RETURN_IF_ERROR(statement->run().status());
  progress_.changed = true;
  std::size_t set = 0;
  for (const IndexColumn& column : columns) {
    if (column.spec->type != KeyType::kSet) continue;
    const auto old_values = unpack(old_sets[set]);
    std::vector<std::string_view> gone;
    std::vector<std::string_view> added;
    std::set_difference(old_values.begin(), old_values.end(), column.values.begin(),
                        column.values.end(), std::back_inserter(gone));
    std::set_difference(column.values.begin(), column.values.end(), old_values.begin(),
                        old_values.end(), std::back_inserter(added));
    SIGNET_RETURN_IF_ERROR(change_values(sql.drop_values[set], row, gone));
    SIGNET_RETURN_IF_ERROR(change_values(sql.add_values[set], row, added));
    ++set;
  }
  return {};
}

// Runs one of KindSql's add_values or drop_values.
Status RecordWriter::change_values(const std::string& sql, std::uint64_t row,
                                   std::span<const std::string_view> values) {
  if (values.empty()) return {};
  SIGNET_TRY(auto statement, connection_.prepare(sql));
  if (connection_.dialect() == sql::Dialect::kPostgres) {
    return statement->bind_keys(values).bind(row).run().status();
  }
  for (const std::string_view value : values) {
    SIGNET_RETURN_IF_ERROR(statement->bind_key(value).bind(row).run().status());
    statement->rewind();
  }
  return {};
}

Status RecordWriter::remove(const KindSpec& kind, std::string_view id) {
  const KindSql& sql = sql_of(kind, connection_.dialect());
  std::uint64_t row = 0;
  std::vector<std::string> sets;
  {
    SIGNET_TRY(auto statement, connection_.prepare(sql.find));
    statement->bind_text(id);
    SIGNET_TRY(bool found, statement->step());
    if (!found) return not_found(kind.name);
    row = static_cast<std::uint64_t>(statement->integer(0));
    for (std::size_t i = 0; i < sql.drop_values.size(); ++i) {
      sets.emplace_back(statement->blob(2 + static_cast<int>(i)));
    }
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    SIGNET_RETURN_IF_ERROR(change_values(sql.drop_values[i], row, unpack(sets[i])));
  }
  {
    SIGNET_TRY(auto statement, connection_.prepare(sql.remove));
    SIGNET_RETURN_IF_ERROR(statement->bind(row).run().status());
  }
  SIGNET_TRY(auto statement,
             connection_.prepare("INSERT INTO tombstone (kind, id, revision) VALUES (?, ?, ?) "
                                 "ON CONFLICT (kind, id) DO UPDATE SET revision = "
                                 "excluded.revision"));
  SIGNET_RETURN_IF_ERROR(
      statement->bind_text(kind.name).bind_text(id).bind(revision_).run().status());
  progress_.changed = true;
  ++progress_.tombstones;
  return {};
}

}  // namespace signet::datastore_sql
