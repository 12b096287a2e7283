// datastore-sql: the C entry and its descriptor.
#include "sql_datastore.h"

SIGNET_PLUGIN_NOTE(
    "name=datastore-sql\0abi=1.0\0services=signet.datastore/1,signet.datastore_schema/1,"
    "signet.spire_source/1\0needs=");

namespace {

using signet::datastore_sql::kConfigSchema;
using signet::datastore_sql::SqlDatastore;

constexpr signet_service_ref kServices[] = {
    {SIGNET_DATASTORE, 0, 0}, {SIGNET_DATASTORE_SCHEMA, 0, 0}, {SIGNET_SPIRE_SOURCE, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};

}  // namespace

SIGNET_PLUGIN_DEFINE(SqlDatastore, "datastore-sql", kServices, kNeeds, kConfigSchema, 0);
