// The behaviour suite on SQLite.
#include "backend.h"
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

 private:
  TempFolder folder_;
};

}  // namespace

std::unique_ptr<Backend> new_backend() { return std::make_unique<SqliteBackend>(); }

}  // namespace signet::datastore_sql
