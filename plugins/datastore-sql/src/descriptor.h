// What the C entry of the plugin says of it. Included once in a shared object, by its entry.
#pragma once

#include "sql_datastore.h"

SIGNET_PLUGIN_NOTE(
    "name=datastore-sql\0abi=1.0\0services=signet.datastore/1,signet.datastore_schema/1,"
    "signet.spire_source/1\0needs=");

namespace signet::datastore_sql {

constexpr signet_service_ref kServices[] = {
    {SIGNET_DATASTORE, 0, 0}, {SIGNET_DATASTORE_SCHEMA, 0, 0}, {SIGNET_SPIRE_SOURCE, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};

}  // namespace signet::datastore_sql

#define SIGNET_DATASTORE_SQL_DEFINE(Class)                                       \
  SIGNET_PLUGIN_DEFINE(Class, "datastore-sql", signet::datastore_sql::kServices, \
                       signet::datastore_sql::kNeeds, signet::datastore_sql::kConfigSchema, 0)
