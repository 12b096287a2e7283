// The statements that read and write the records of one kind, and what is bound to them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "index_columns.h"
#include "records.h"
#include "sql.h"

namespace signet::datastore_sql {

struct KindSql {
  std::string get;   // by id: what record_view() shows
  std::string find;  // by id: row, revision, packed sets
  // row, id, revision, expires_at, bind_columns(); nothing happens when the id is there
  std::string insert;
  std::string update;  // revision, expires_at, bind_columns(), row
  std::string remove;  // row
  // One per set key, in the order of the keys. Bound: a value or, where the dialect has
  // arrays, all of them; row.
  std::vector<std::string> add_values;
  std::vector<std::string> drop_values;
};
/// Written once per process.
const KindSql& sql_of(const KindSpec& kind, sql::Dialect dialect);

/// Binds the key columns and the body.
void bind_columns(sql::Statement& statement, const KindSpec& kind,
                  const std::vector<IndexColumn>& columns, std::string_view body);

/// The record of a row (id, row, revision, expires_at and, if asked, body); it borrows from it.
RecordView record_view(std::string_view kind, const sql::Statement& row, bool with_body);

/// "entry not found"
Status not_found(std::string_view kind);

}  // namespace signet::datastore_sql
