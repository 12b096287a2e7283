// SqliteSchema: whose tables a file holds, and where it keeps the version of ours.
//
// Our files carry an application id and, as user_version, the number of the last migration.
#pragma once

#include <string>

#include "signet/status.h"

#include "schema.h"
#include "sqlite.h"

namespace signet::datastore_sql {

inline constexpr int kApplicationId = 0x5369676e;  // "Sign"

/// Looks at the file without writing to it: fine when it is new, empty or ours.
/// path     of an existing regular file
/// Errors   kFailedPrecondition: a SPIRE database, another program's, a newer schema of
///          ours, or no SQLite database at all.
Status check_ownership(const std::string& path, std::size_t known_migrations);

/// The schema of a file that may not be there; nothing is written.
/// Errors   as check_ownership
Result<SchemaState> read_schema(const std::string& path, std::size_t known_migrations);

SchemaPlace sqlite_schema_place();

}  // namespace signet::datastore_sql
