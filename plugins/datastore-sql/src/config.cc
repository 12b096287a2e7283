#include "config.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "signet/duration.h"

#include "database_file.h"

namespace signet::datastore_sql {

// database_type has no type here: besides a name SPIRE takes a block, aws_postgres { ... }.
const char kConfigSchema[] = R"json({
  "type": "object",
  "additionalProperties": false,
  "required": ["database_type", "connection_string"],
  "properties": {
    "database_type": {"description": "sqlite3 or postgres"},
    "connection_string": {"type": "string", "x-signet-secret": true,
      "description": "the SQLite file: a path, or file:path?parameters; or libpq's keyword=value pairs or a postgres:// URI, with one host or several"},
    "ro_connection_string": {"type": "string", "x-signet-secret": true,
      "description": "PostgreSQL: a replica that may serve what may be stale"},
    "root_ca_path": {"type": "string", "format": "path",
      "description": "PostgreSQL: authorities that the server's certificate is checked against; sslmode is verify-full then, or verify-ca if the connection string says so"},
    "client_cert_path": {"type": "string", "format": "path",
      "description": "PostgreSQL: the certificate shown to the server"},
    "client_key_path": {"type": "string", "format": "path",
      "description": "PostgreSQL: its key"},
    "max_open_conns": {"type": "integer", "minimum": 0,
      "description": "connections open at once; 0: the default, 17 on SQLite (one of them the writer's), 20 on PostgreSQL"},
    "max_idle_conns": {"type": "integer", "description": "connections kept open; default 4, on PostgreSQL max_open_conns"},
    "conn_max_lifetime": {"type": "string", "format": "duration",
      "description": "PostgreSQL: how old a connection becomes; default: no limit"},
    "disable_migration": {"type": "boolean",
      "description": "refuse an older schema instead of migrating it"},
    "log_sql": {"type": "boolean", "description": "log each statement, without values, at debug"}
  }
})json";

namespace {

using nlohmann::json;

constexpr std::int64_t kMostReaders = 64;
constexpr std::int64_t kMostConnections = 1000;

Status at(std::string pointer, Status status) {
  return std::move(status).with("pointer", std::move(pointer));
}

std::string text(const json& block, const char* key) {
  return block.contains(key) ? block[key].get<std::string>() : std::string();
}

// A number of connections, kept within what makes sense; the default when it is not given.
std::size_t count(const json& block, const char* key, std::int64_t least, std::int64_t most,
                  std::size_t fallback) {
  if (!block.contains(key)) return fallback;
  return static_cast<std::size_t>(std::clamp(block[key].get<std::int64_t>(), least, most));
}

Result<std::string> read_type(const json& block) {
  if (!block.contains("database_type")) {
    return Status::invalid_argument("database_type is missing");
  }
  const json& type = block["database_type"];
  if (type.is_string()) {
    const auto name = type.get<std::string>();
    if (name == "sqlite3" || name == "postgres") return name;
    if (name == "mysql") {
      return Status::invalid_argument(
          "database_type \"mysql\" is not supported; use sqlite3 or postgres");
    }
  } else if (type.is_object() || type.is_array()) {
    return Status::invalid_argument(
        "database_type aws_postgres and aws_mysql are not supported; use \"postgres\" with a "
        "password, or \"sqlite3\"");
  }
  return Status::invalid_argument("database_type must be \"sqlite3\" or \"postgres\"");
}

Result<SqliteConfig> read_sqlite(const json& block) {
  SqliteConfig config;
  auto path = sqlite_path(text(block, "connection_string"));
  if (!path) return at("/connection_string", path.status());
  config.path = *path;
  if (const auto open = block.value("max_open_conns", std::int64_t{0}); open > 0) {
    config.max_readers =
        static_cast<std::size_t>(std::clamp<std::int64_t>(open - 1, 1, kMostReaders));
  }
  config.max_idle_readers = count(block, "max_idle_conns", 0, kMostReaders, 4);
  return config;
}

Result<PostgresConfig> read_postgres(const json& block) {
  const ConnectionString::Tls tls = {text(block, "root_ca_path"), text(block, "client_cert_path"),
                                     text(block, "client_key_path")};
  PostgresConfig config;
  auto where = ConnectionString::parse(text(block, "connection_string"), tls);
  if (!where) return at("/connection_string", where.status());
  config.where = *where;
  if (block.contains("ro_connection_string")) {
    auto replica = ConnectionString::parse(text(block, "ro_connection_string"), tls);
    if (!replica) return at("/ro_connection_string", replica.status());
    config.replica = replica->for_any_session();
  }
  if (block.value("max_open_conns", std::int64_t{0}) > 0) {
    // One writes, one reads for it, one follows the log.
    config.max_connections = count(block, "max_open_conns", 3, kMostConnections, 20);
  }
  config.max_idle_connections =
      count(block, "max_idle_conns", 0, kMostConnections, config.max_connections);
  if (const std::string lifetime = text(block, "conn_max_lifetime"); !lifetime.empty()) {
    const auto parsed = parse_go_duration(lifetime);
    if (!parsed || parsed->count() < 0) {
      return at("/conn_max_lifetime", Status::invalid_argument("conn_max_lifetime is no duration"));
    }
    config.max_lifetime = std::chrono::ceil<std::chrono::seconds>(*parsed);
  }
  return config;
}

Result<Config> read(const json& block) {
  auto type = block.is_object() ? read_type(block)
                                : Result<std::string>(Status::invalid_argument("no settings"));
  if (!type) return at("/database_type", type.status());
  if (!block.contains("connection_string")) {
    return at("/connection_string", Status::invalid_argument("connection_string is missing"));
  }
  Config config;
  if (*type == "postgres") {
    SIGNET_TRY(config.database, read_postgres(block));
  } else {
    SIGNET_TRY(config.database, read_sqlite(block));
    for (const char* key : {"ro_connection_string", "root_ca_path", "client_cert_path",
                            "client_key_path", "conn_max_lifetime"}) {
      if (block.contains(key)) config.unused.emplace_back(key);
    }
  }
  config.disable_migration = block.value("disable_migration", false);
  config.log_sql = block.value("log_sql", false);
  return config;
}

}  // namespace

Result<Config> parse_config(std::string_view text) {
  try {
    return read(json::parse(text));
  } catch (const nlohmann::json::exception& e) {
    return Status::invalid_argument("settings are not as their schema says: " +
                                    std::string(e.what()));
  }
}

Status make_data_folder(const std::string& path, const std::string& data_dir) {
  if (data_dir.empty()) return {};
  namespace fs = std::filesystem;
  const auto clean = [](const fs::path& p) {
    std::string text = fs::absolute(p).lexically_normal().string();
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    return text;
  };
  try {
    const std::string folder = clean(fs::path(path).parent_path());
    const std::string top = clean(data_dir);
    if (folder != top && !folder.starts_with(top + "/")) return {};
    for (std::size_t slash = 1; slash != std::string::npos;) {
      slash = folder.find('/', slash + 1);
      const std::string part = folder.substr(0, slash);
      if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
        return Status::failed_precondition("cannot make folder \"" + part +
                                           "\": " + std::strerror(errno));
      }
    }
  } catch (const fs::filesystem_error& e) {
    return Status::failed_precondition(e.what());
  }
  return {};
}

}  // namespace signet::datastore_sql
