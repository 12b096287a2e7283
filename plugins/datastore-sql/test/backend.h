// Backend: the database under a test of the behaviour suite, empty at first.
//
// The suite's programs differ in nothing but which backend() they are linked with.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "schema.h"
#include "sql.h"
#include "store.h"

namespace signet::datastore_sql {

struct StoreSettings {
  std::uint64_t kept_tombstones = 100'000;
  std::optional<std::size_t> max_readers;
  MigrateOptions migrate;
};

class Backend {
 public:
  virtual ~Backend() = default;
  /// Opens the store, again after it was closed.
  virtual Result<std::unique_ptr<Store>> open(const StoreSettings& settings) = 0;
  /// The plugin's settings for the same database, as JSON.
  virtual std::string plugin_data() const = 0;
  /// Statements in the same database, past the store.
  virtual void run_sql(const std::string& text) = 0;
  virtual sql::Dialect dialect() const = 0;
};

std::unique_ptr<Backend> new_backend();

}  // namespace signet::datastore_sql
