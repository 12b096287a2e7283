// SqlDatastore: the plugin instance, "signet.datastore/1" over a Store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "signet/abi/datastore.h"
#include "signet/abi/spire_source.h"
#include "signet/plugin.h"

#include "config.h"
#include "postgres_store.h"
#include "schema.h"
#include "sqlite_store.h"
#include "store.h"
#include "watch_hub.h"

namespace signet::datastore_sql {

// The tables as they are.
struct SchemaReport {
  std::string database;
  SchemaState state;
  std::int64_t known = 0;  // by this program
};

class SqlDatastore : public Plugin {
 public:
  /// known     the migrations of the program that it is part of
  SqlDatastore(Host host, std::string name, std::span<const Migration> known = migrations())
      : Plugin(std::move(host), std::move(name)), migrations_(known) {}

  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  /// The database is opened by start(); a change while it runs needs a restart.
  Status configure(Call& call, std::string_view config) override;
  Status start(Call& call) override;
  Status drain(Call& call) override;
  Status stop(Call& call) override;

  /// Of the configured database, which need not be open. migrate: brings them up to date first.
  /// Errors   those of opening it
  Result<SchemaReport> schema(bool migrate) const;

  Store* store() const { return store_.get(); }  // null before start() and after stop()
  WatchHub& hub() { return hub_; }

 private:
  SqliteStore::Options options(const SqliteConfig& config) const;
  PostgresStore::Options options(const PostgresConfig& config) const;
  Result<std::unique_ptr<Store>> open(const SqliteConfig& config);
  Result<std::unique_ptr<Store>> open(const PostgresConfig& config);
  std::function<void(std::string_view sql)> trace() const;

  const std::span<const Migration> migrations_;
  std::optional<Config> config_;
  std::unique_ptr<Store> store_;
  WatchHub hub_;
};

/// The services' C tables; their instances are SqlDatastore.
const signet_datastore* datastore_table();
const signet_datastore_schema* schema_table();
const signet_spire_source* spire_source_table();

}  // namespace signet::datastore_sql
