// Config: the settings of DataStore "sql", spelt as SPIRE spells them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::datastore_sql {

extern const char kConfigSchema[];

struct Config {
  std::string path;  // of the SQLite file
  std::size_t max_readers = 16;
  std::size_t max_idle_readers = 4;
  bool disable_migration = false;
  bool log_sql = false;

  bool operator==(const Config&) const = default;
};

/// Errors  kInvalidArgument; field `pointer` is the JSON pointer of the setting at fault.
Result<Config> parse_config(std::string_view json);

/// Makes the folder of `path`, and those above it, when it is or lies in `data_dir`: a new
/// server starts with neither. Other folders are the user's to make. Mode 0700.
Status make_data_folder(const std::string& path, const std::string& data_dir);

}  // namespace signet::datastore_sql
