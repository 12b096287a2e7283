// datastore-sql as a release LATER_RELEASES after this one.
#include "descriptor.h"
#include "later_migrations.h"

namespace signet::datastore_sql {
namespace {

std::span<const Migration> known() {
  static const auto kMigrations = later_migrations(LATER_RELEASES);
  return kMigrations;
}

class LaterDatastore final : public SqlDatastore {
 public:
  LaterDatastore(Host host, std::string name)
      : SqlDatastore(std::move(host), std::move(name), known()) {}
};

}  // namespace
}  // namespace signet::datastore_sql

SIGNET_DATASTORE_SQL_DEFINE(signet::datastore_sql::LaterDatastore);
