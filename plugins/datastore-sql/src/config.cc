#include "config.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "database_file.h"

namespace signet::datastore_sql {

// database_type has no type here: besides a name SPIRE takes a block, aws_postgres { ... }.
const char kConfigSchema[] = R"json({
  "type": "object",
  "additionalProperties": false,
  "required": ["database_type", "connection_string"],
  "properties": {
    "database_type": {"description": "sqlite3; PostgreSQL comes with issue 4"},
    "connection_string": {"type": "string", "x-signet-secret": true,
      "description": "the SQLite file: a path, or file:path?parameters"},
    "ro_connection_string": {"type": "string", "x-signet-secret": true,
      "x-signet-since": "issue 4"},
    "root_ca_path": {"type": "string", "format": "path", "x-signet-since": "issue 4"},
    "client_cert_path": {"type": "string", "format": "path", "x-signet-since": "issue 4"},
    "client_key_path": {"type": "string", "format": "path", "x-signet-since": "issue 4"},
    "max_open_conns": {"type": "integer", "minimum": 0,
      "description": "connections open at once, one of them the writer's; 0: the default, 17"},
    "max_idle_conns": {"type": "integer", "description": "readers kept open; default 4"},
    "conn_max_lifetime": {"type": "string", "format": "duration", "x-signet-since": "issue 4"},
    "disable_migration": {"type": "boolean",
      "description": "refuse a file with an older schema instead of migrating it"},
    "log_sql": {"type": "boolean", "description": "log each statement, without values, at debug"}
  }
})json";

namespace {

constexpr std::int64_t kMostReaders = 64;

Status at(std::string pointer, Status status) {
  return std::move(status).with("pointer", std::move(pointer));
}

Status check_type(const nlohmann::json& type) {
  if (type.is_string()) {
    const auto name = type.get<std::string>();
    if (name == "sqlite3") return {};
    if (name == "postgres") {
      return Status::invalid_argument("database_type \"postgres\": PostgreSQL comes with issue 4");
    }
    if (name == "mysql") {
      return Status::invalid_argument("database_type \"mysql\" is not supported; use sqlite3");
    }
  } else if (type.is_object() || type.is_array()) {
    return Status::invalid_argument(
        "database_type aws_postgres and aws_mysql are not supported yet; use \"sqlite3\"");
  }
  return Status::invalid_argument("database_type must be \"sqlite3\"");
}

Result<Config> read(const nlohmann::json& json) {
  Config config;
  if (!json.is_object() || !json.contains("database_type")) {
    return at("/database_type", Status::invalid_argument("database_type is missing"));
  }
  if (Status s = check_type(json["database_type"]); !s.ok()) return at("/database_type", s);
  if (!json.contains("connection_string")) {
    return at("/connection_string", Status::invalid_argument("connection_string is missing"));
  }
  auto path = sqlite_path(json["connection_string"].get<std::string>());
  if (!path) return at("/connection_string", path.status());
  config.path = *path;
  if (const auto open = json.value("max_open_conns", std::int64_t{0}); open > 0) {
    config.max_readers =
        static_cast<std::size_t>(std::clamp<std::int64_t>(open - 1, 1, kMostReaders));
  }
  if (json.contains("max_idle_conns")) {
    const auto idle = json["max_idle_conns"].get<std::int64_t>();
    config.max_idle_readers =
        static_cast<std::size_t>(std::clamp<std::int64_t>(idle, 0, kMostReaders));
  }
  config.disable_migration = json.value("disable_migration", false);
  config.log_sql = json.value("log_sql", false);
  return config;
}

}  // namespace

Result<Config> parse_config(std::string_view text) {
  try {
    return read(nlohmann::json::parse(text));
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
