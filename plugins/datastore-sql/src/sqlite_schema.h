// SqliteSchema: the tables, their versions, and who else's tables a file may hold.
//
// Our files carry an application id and, as user_version, the number of the last migration.
#pragma once

#include <string>

#include "signet/status.h"

#include "sqlite.h"

namespace signet::datastore_sql {

inline constexpr int kApplicationId = 0x5369676e;  // "Sign"
inline constexpr int kSchemaVersion = 1;

/// Looks at the file without writing to it: fine when it is new, empty or ours.
/// path     of an existing regular file
/// Errors   kFailedPrecondition: a SPIRE database, another program's, a newer schema of
///          ours, or no SQLite database at all.
Status check_ownership(const std::string& path);

/// Brings the schema up to kSchemaVersion, each step in a transaction of its own.
/// disabled   an older schema is an error instead; a new file is always filled
/// Errors     kFailedPrecondition: newer than this program, or older and disabled.
Status migrate(sqlite::Connection& connection, bool disabled);

}  // namespace signet::datastore_sql
