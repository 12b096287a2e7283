// datastore-sql as a release LATER_RELEASES after this one.
#include "later_migrations.h"
#include "sql_datastore.h"

SIGNET_PLUGIN_NOTE(
    "name=datastore-sql\0abi=1.0\0services=signet.datastore/1,signet.datastore_schema/1,"
    "signet.spire_source/1\0needs=");

namespace {

using namespace signet;  // NOLINT: one file of a shared object

std::span<const datastore_sql::Migration> known() {
  static const auto kMigrations = datastore_sql::later_migrations(LATER_RELEASES);
  return kMigrations;
}

class LaterDatastore final : public datastore_sql::SqlDatastore {
 public:
  LaterDatastore(Host host, std::string name)
      : SqlDatastore(std::move(host), std::move(name), known()) {}
};

constexpr signet_service_ref kServices[] = {
    {SIGNET_DATASTORE, 0, 0}, {SIGNET_DATASTORE_SCHEMA, 0, 0}, {SIGNET_SPIRE_SOURCE, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};

}  // namespace

SIGNET_PLUGIN_DEFINE(LaterDatastore, "datastore-sql", kServices, kNeeds,
                     signet::datastore_sql::kConfigSchema, 0);
