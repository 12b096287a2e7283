// The behaviour suite on SQLite.
#include <gtest/gtest.h>

#include "backend.h"
#include "sqlite.h"
#include "sqlite_store.h"
#include "temp_folder.h"

namespace signet::datastore_sql {
namespace {

class SqliteBackend final : public Backend {
 public:
  Result<std::unique_ptr<Store>> open(const StoreSettings& settings) override {
    SqliteStore::Options options;
    options.path = folder_.file();
    options.kept_tombstones = settings.kept_tombstones;
    options.migrate = settings.migrate;
    if (settings.max_readers) options.max_readers = *settings.max_readers;
    SIGNET_TRY(auto store, SqliteStore::open(std::move(options)));
    return std::unique_ptr<Store>(std::move(store));
  }
  std::string plugin_data() const override {
    return R"({"database_type":"sqlite3","connection_string":")" + folder_.file() + "\"}";
  }
  void run_sql(const std::string& text) override {
    auto connection =
        sqlite::Connection::open(folder_.file(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    ASSERT_TRUE(connection) << connection.status().to_string();
    const Status done = (*connection)->exec(text);
    ASSERT_TRUE(done.ok()) << done.to_string();
  }
  sql::Dialect dialect() const override { return sql::Dialect::kSqlite; }

 private:
  TempFolder folder_;
};

}  // namespace

std::unique_ptr<Backend> new_backend() { return std::make_unique<SqliteBackend>(); }

}  // namespace signet::datastore_sql
