// RecordWriter: puts and removes records, with their index rows and their traces in the change
// log, inside the one transaction that writes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "counters.h"
#include "index_columns.h"
#include "records.h"
#include "sql.h"
#include "store.h"

namespace signet::datastore_sql {

class RecordWriter {
 public:
  // What going back to a savepoint sets back besides the tables.
  struct Progress {
    bool changed = false;
    std::uint64_t tombstones = 0;
  };

  RecordWriter(sql::Connection& connection, const Counters& counters)
      : connection_(connection), counters_(counters), revision_(counters.revision + 1) {}

  /// All or nothing, unless the database fails. Errors   kInvalidArgument (nothing was written),
  /// kAlreadyExists, kAborted: if_revision does not hold; kResourceExhausted; the database's
  Status put(const NewRecord& record, Stored& stored);
  /// Errors   kNotFound; the database's
  Status remove(const KindSpec& kind, std::string_view id);

  /// That of the transaction's records, and of the store after its commit.
  std::uint64_t revision() const { return revision_; }
  const Counters& counters() const { return counters_; }
  const Progress& progress() const { return progress_; }
  void set_progress(const Progress& progress) { progress_ = progress; }

 private:
  Status insert(const NewRecord& record, const KindSpec& kind,
                const std::vector<IndexColumn>& columns, Stored& stored);
  Status update(const NewRecord& record, const KindSpec& kind,
                const std::vector<IndexColumn>& columns, std::uint64_t row,
                const std::vector<std::string>& old_sets);
  Status change_values(const std::string& sql, std::uint64_t row,
                       std::span<const std::string_view> values);

  sql::Connection& connection_;
  Counters counters_;
  const std::uint64_t revision_;
  Progress progress_;
};

}  // namespace signet::datastore_sql
