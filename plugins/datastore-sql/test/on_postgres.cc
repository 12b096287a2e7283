// The behaviour suite on a PostgreSQL that the test starts.
#include "backend.h"
#include "postgres_fixture.h"

namespace signet::datastore_sql {
namespace {

class PostgresBackend final : public Backend {
 public:
  Result<std::unique_ptr<Store>> open(const StoreSettings& settings) override {
    PostgresStore::Options options = store_options(where_);
    options.kept_tombstones = settings.kept_tombstones;
    options.migrate = settings.migrate;
    if (settings.max_readers) options.connections.open = *settings.max_readers;
    SIGNET_TRY(auto store, PostgresStore::open(std::move(options)));
    return std::unique_ptr<Store>(std::move(store));
  }
  std::string plugin_data() const override {
    return R"({"database_type":"postgres","connection_string":")" + where_ + "\"}";
  }
  void run_sql(const std::string& text) override {
    PostgresServer::shared().sql(database_of(where_), text);
  }
  sql::Dialect dialect() const override { return sql::Dialect::kPostgres; }

 private:
  const std::string where_ = PostgresServer::shared().new_database();
};

}  // namespace

std::unique_ptr<Backend> new_backend() { return std::make_unique<PostgresBackend>(); }

}  // namespace signet::datastore_sql
