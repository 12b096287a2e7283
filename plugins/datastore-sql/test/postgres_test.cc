// What PostgreSQL alone does: several stores on one database.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres_fixture.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

TEST(Postgres, TwoStoresSeeEachOther) {
  const std::string where = PostgresServer::shared().new_database();
  auto a = PostgresStore::open(store_options(where));
  ASSERT_TRUE(a) << a.status().to_string();
  auto b = PostgresStore::open(store_options(where));
  ASSERT_TRUE(b) << b.status().to_string();
  const auto revision = put_alone(**a, "entry", "e", "body");
  EXPECT_TRUE(eventually([&] { return (*b)->latest_revision() == revision; }));
  EXPECT_EQ(get_alone(**b, "entry", "e")->body, "body");
}

}  // namespace
}  // namespace signet::datastore_sql
