// datastore-sql: the C entry.
#include "descriptor.h"

SIGNET_DATASTORE_SQL_DEFINE(signet::datastore_sql::SqlDatastore);
