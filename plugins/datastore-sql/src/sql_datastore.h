// SqlDatastore: the plugin instance, "signet.datastore/1" over a Store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "signet/abi/datastore.h"
#include "signet/plugin.h"

#include "config.h"
#include "store.h"
#include "watch_hub.h"

namespace signet::datastore_sql {

class SqlDatastore final : public Plugin {
 public:
  using Plugin::Plugin;

  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  /// The database is opened by start(); a change while it runs needs a restart.
  Status configure(Call& call, std::string_view config) override;
  Status start(Call& call) override;
  Status drain(Call& call) override;
  Status stop(Call& call) override;

  Store* store() const { return store_.get(); }  // null before start() and after stop()
  WatchHub& hub() { return hub_; }

 private:
  Result<std::unique_ptr<Store>> open(const SqliteConfig& config);
  Result<std::unique_ptr<Store>> open(const PostgresConfig& config);
  std::function<void(std::string_view sql)> trace();

  std::optional<Config> config_;
  std::unique_ptr<Store> store_;
  WatchHub hub_;
};

/// The service's C table; its instances are SqlDatastore.
const signet_datastore* datastore_table();

}  // namespace signet::datastore_sql
