// Whose tables a PostgreSQL database holds, and how ours come into being there.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres_fixture.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

using testing::HasSubstr;

class PostgresOwnership : public testing::Test {
 protected:
  Status opened() const { return PostgresStore::open(store_options(where_)).status(); }
  std::string sql(const std::string& text) const {
    return PostgresServer::shared().sql(database_of(where_), text);
  }
  std::string tables() const {
    return sql(
        "SELECT string_agg(relname || ' ' || relfilenode, ',' ORDER BY relname) FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace");
  }

  const std::string where_ = PostgresServer::shared().new_database();
};

TEST_F(PostgresOwnership, ASpireDatabaseIsNeverWritten) {
  sql("CREATE TABLE migrations (id SERIAL PRIMARY KEY, version INTEGER, code_version TEXT);"
      "CREATE TABLE registered_entries (id SERIAL PRIMARY KEY, entry_id TEXT)");
  for (const char* schema : {"23", "24", "25"}) {
    sql("DELETE FROM migrations");
    sql(std::string("INSERT INTO migrations (version) VALUES (") + schema + ")");
    const std::string before = tables();
    const Status status = opened();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition);
    EXPECT_THAT(status.message(),
                HasSubstr(std::string("is a SPIRE database (schema ") + schema + ")"));
    EXPECT_THAT(status.message(), HasSubstr("`signet server datastore import-spire -config FILE "
                                            "-spireConfig FILE`"));
    EXPECT_EQ(tables(), before);
  }
  sql("UPDATE migrations SET version = 22");
  EXPECT_THAT(opened().message(), HasSubstr("only schemas 23 to 25 can be imported"));
}

TEST_F(PostgresOwnership, AnotherProgramsTablesAreLeftAlone) {
  sql("CREATE TABLE bookmarks (url TEXT)");
  EXPECT_EQ(opened().code(), Code::kFailedPrecondition);
  EXPECT_THAT(opened().message(), HasSubstr("another program's tables"));
  sql("CREATE SCHEMA own");
  const auto options = store_options(where_ + " options='-c search_path=own'");
  EXPECT_TRUE(PostgresStore::open(options)) << "a schema of its own is enough";
  EXPECT_TRUE(PostgresStore::open(options));
  EXPECT_EQ(sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), "1");
}

TEST_F(PostgresOwnership, ACounterOfAnotherProgramIsNotOurs) {
  sql("CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT)");
  EXPECT_THAT(opened().message(), HasSubstr("another program's tables"));
  sql("DROP TABLE counter; CREATE TABLE counter (hits INTEGER)");
  EXPECT_THAT(opened().message(), HasSubstr("another program's tables"));
}

TEST_F(PostgresOwnership, ANewerSchemaIsRefused) {
  ASSERT_TRUE(opened().ok());
  sql("UPDATE counter SET value = 1000 WHERE name = 'schema_version'");
  EXPECT_TRUE(opened().ok()) << "it says that this program can go on";
  sql("UPDATE counter SET value = 999 WHERE name = 'oldest_program'");
  EXPECT_EQ(opened().code(), Code::kFailedPrecondition);
  EXPECT_THAT(opened().message(), HasSubstr("has schema 1000"));
}

TEST_F(PostgresOwnership, ASchemaThatIsMissingIsNamed) {
  const auto status =
      PostgresStore::open(store_options(where_ + " options='-c search_path=none'")).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("search_path"));
}

TEST_F(PostgresOwnership, ServersThatStartTogetherMakeTheTablesOnce) {
  std::vector<std::thread> threads;
  std::vector<Status> done(8);
  for (auto& status : done) threads.emplace_back([&] { status = opened(); });
  for (auto& thread : threads) thread.join();
  for (const auto& status : done) EXPECT_TRUE(status.ok()) << status.to_string();
}

TEST_F(PostgresOwnership, RightsThatAreMissingAreNamed) {
  sql("CREATE ROLE guest LOGIN");
  std::string where = where_;
  where.replace(where.find("user=signet"), 11, "user=guest");
  const auto status = PostgresStore::open(store_options(where)).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("permission denied"));
}

}  // namespace
}  // namespace signet::datastore_sql
