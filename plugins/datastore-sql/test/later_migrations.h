// What programs of later releases know besides: the next one expands, the one after that contracts.
#pragma once

#include <vector>

#include "schema.h"

namespace signet::datastore_sql {

/// Ours and those of `releases` (1 or 2) later programs.
inline std::vector<Migration> later_migrations(int releases) {
  std::vector<Migration> all(migrations().begin(), migrations().end());
  const auto now = static_cast<std::int64_t>(all.size());
  // Each table that a server works with is touched, so that it would be noticed if one minded.
  all.push_back({now,
                 "ALTER TABLE entry ADD COLUMN later {int} NOT NULL DEFAULT 0;"
                 "ALTER TABLE agent ADD COLUMN later {int} NOT NULL DEFAULT 0;"
                 "ALTER TABLE bundle ADD COLUMN later {text} NOT NULL DEFAULT '';"
                 "ALTER TABLE journal ADD COLUMN later {int} NOT NULL DEFAULT 0;"
                 "ALTER TABLE join_token ADD COLUMN later {int} NOT NULL DEFAULT 0;"
                 "ALTER TABLE federation ADD COLUMN later {int} NOT NULL DEFAULT 0;"
                 "ALTER TABLE meta ADD COLUMN later {int} NOT NULL DEFAULT 0;"
                 "CREATE TABLE lease (name {name} PRIMARY KEY, until {int} NOT NULL) {clustered};"
                 "CREATE INDEX entry_later ON entry (later);"});
  if (releases > 1) all.push_back({now + 1, "DROP INDEX agent_attestation_type;"});
  return all;
}

}  // namespace signet::datastore_sql
