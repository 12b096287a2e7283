// PostgresSchema: whose tables a PostgreSQL schema holds, and where it keeps the version of ours.
//
// Ours lie in the first schema of the search path, alone, and are known by counter
// "schema_version".
#pragma once

#include "postgres.h"
#include "schema.h"

namespace signet::datastore_sql {

/// Looks without writing: fine when there are no tables, or ours.
/// name     of the database, for messages
/// Errors   kFailedPrecondition: a SPIRE database, another program's, a newer schema of ours,
///          or no schema to make tables in; the database's
Status check_ownership(postgres::Connection& connection, const std::string& name,
                       std::size_t known_migrations);

SchemaPlace postgres_schema_place();

}  // namespace signet::datastore_sql
