// Config: the settings of DataStore "sql", spelt as SPIRE spells them.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "signet/status.h"

#include "connection_string.h"

namespace signet::datastore_sql {

extern const char kConfigSchema[];

// What a SQLite file needs.
struct SqliteConfig {
  std::string path;
  std::size_t max_readers = 16;
  std::size_t max_idle_readers = 4;

  bool operator==(const SqliteConfig&) const = default;
};

// What a PostgreSQL server needs.
struct PostgresConfig {
  ConnectionString where;
  std::optional<ConnectionString> replica;
  std::size_t max_connections = 20;
  std::size_t max_idle_connections = 4;
  std::chrono::seconds max_lifetime{0};  // 0: none

  bool operator==(const PostgresConfig&) const = default;
};

struct Config {
  std::variant<SqliteConfig, PostgresConfig> database;
  bool disable_migration = false;
  bool log_sql = false;
  // Settings given that mean nothing to this database.
  std::vector<std::string> unused;

  bool operator==(const Config&) const = default;
};

/// Errors  kInvalidArgument; field `pointer` is the JSON pointer of the setting at fault.
Result<Config> parse_config(std::string_view json);

/// Makes the folder of `path`, and those above it, when it is or lies in `data_dir`: a new
/// server starts with neither. Other folders are the user's to make. Mode 0700.
Status make_data_folder(const std::string& path, const std::string& data_dir);

}  // namespace signet::datastore_sql
