#include "sqlite_schema.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

namespace signet::datastore_sql {
namespace {

enum class Owner { kNobody, kSignet, kSpire, kOther };

struct Look {
  Owner owner = Owner::kNobody;
  SchemaState schema;
  std::int64_t spire_schema = 0;
};

// A file of the first release has no such counter, nor any older program than itself.
std::int64_t oldest_program(sql::Connection& connection, std::int64_t version) {
  const auto oldest = connection.integer("SELECT value FROM counter WHERE name = 'oldest_program'");
  return oldest && *oldest != 0 ? *oldest : version;
}

Result<Look> look(const std::string& uri) {
  SIGNET_TRY(auto connection,
             sqlite::Connection::open(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI));
  SIGNET_TRY(std::int64_t tables, connection->integer("SELECT count(*) FROM sqlite_master"));
  SIGNET_TRY(std::int64_t application, connection->integer("PRAGMA application_id"));
  SIGNET_TRY(std::int64_t version, connection->integer("PRAGMA user_version"));
  SIGNET_TRY(std::int64_t spire,
             connection->integer("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND "
                                 "name IN ('migrations', 'registered_entries')"));
  Look seen;
  if (application == kApplicationId) {
    seen.owner = Owner::kSignet;
    seen.schema = {version, oldest_program(*connection, version)};
  } else if (spire == 2) {
    seen.owner = Owner::kSpire;
    seen.spire_schema = connection->integer("SELECT max(version) FROM migrations").value_or(0);
  } else if (tables != 0) {
    seen.owner = Owner::kOther;
  }
  return seen;
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

// What SQLite has only "unable to open" and "disk I/O error" for. Without opening it: that, once
// closed, would end the locks which this process has on it.
Status check_readable(const std::string& path) {
  const std::string file = "datastore file \"" + path + "\" ";
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return Status::failed_precondition(file + "is not a regular file");
  }
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0) {
    return Status::failed_precondition(file + "cannot be read: " + std::strerror(errno));
  }
  return {};
}

bool has_bytes(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

}  // namespace

Status check_ownership(const std::string& path, std::size_t known_migrations) {
  return read_schema(path, known_migrations).status();
}

Result<SchemaState> read_schema(const std::string& path, std::size_t known_migrations) {
  if (!exists(path)) return SchemaState{};
  SIGNET_RETURN_IF_ERROR(check_readable(path));
  // immutable: no lock, no -wal, no -shm, nothing is created beside a file that is not ours.
  Result<Look> seen = look(sqlite::file_uri(path, "?immutable=1"));
  const bool settled = seen && seen->owner != Owner::kNobody;
  // What a killed process left in its log counts too, and only a real open reads that.
  if (!settled && has_bytes(path + "-wal")) seen = look(sqlite::file_uri(path, "?mode=ro"));
  if (!seen) {
    return Status::failed_precondition(
        "datastore file \"" + path +
        "\" is not a readable SQLite database: " + seen.status().message());
  }
  if (seen->owner == Owner::kSpire) {
    return spire_database("datastore file \"" + path + "\"", seen->spire_schema);
  }
  if (seen->owner == Owner::kOther) {
    return Status::failed_precondition("datastore file \"" + path +
                                       "\" belongs to another program; name another file");
  }
  if (seen->owner == Owner::kSignet) {
    const Status known = check_schema(seen->schema, static_cast<std::int64_t>(known_migrations));
    if (!known.ok()) return known.prefixed("datastore file \"" + path + "\"");
  }
  return seen->schema;
}

SchemaPlace sqlite_schema_place() {
  SchemaPlace place;
  place.begin = "BEGIN IMMEDIATE";
  place.read = [](sql::Connection& connection) -> Result<SchemaState> {
    SIGNET_TRY(const std::int64_t version, connection.integer("PRAGMA user_version"));
    if (version == 0) return SchemaState{};
    return SchemaState{version, oldest_program(connection, version)};
  };
  place.write = [](sql::Connection& connection, const SchemaState& state) -> Status {
    return connection.exec("PRAGMA application_id = " + std::to_string(kApplicationId) +
                           "; PRAGMA user_version = " + std::to_string(state.version) +
                           "; INSERT OR REPLACE INTO counter (name, value) VALUES ("
                           "'oldest_program', " +
                           std::to_string(state.oldest_program) + ")");
  };
  return place;
}

}  // namespace signet::datastore_sql
