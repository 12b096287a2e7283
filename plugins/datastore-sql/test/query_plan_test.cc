// The indexes that hot queries must use on SQLite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query_sql.h"
#include "sqlite_store.h"
#include "store_helpers.h"
#include "temp_folder.h"

namespace signet::datastore_sql {
namespace {

class QueryPlan : public testing::Test {
 protected:
  void SetUp() override {
    SqliteStore::Options options;
    options.path = folder_.file();
    store_ = std::move(*SqliteStore::open(options));
  }

  std::string plan(const Query& query, Select select = Select::kRecords) {
    const auto built = build_query(query, select, sql::Dialect::kSqlite);
    if (!built) return built.status().to_string();
    auto connection = sqlite::Connection::open(folder_.file(), SQLITE_OPEN_READWRITE);
    auto statement = (*connection)->prepare("EXPLAIN QUERY PLAN " + built->sql, false);
    if (!statement) return statement.status().to_string();
    built->bind(**statement);
    std::string out;
    for (auto row = (*statement)->step(); row && *row; row = (*statement)->step()) {
      out += std::string((*statement)->text(3)) + "\n";
    }
    return out;
  }

  TempFolder folder_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(QueryPlan, HotQueriesUseTheirIndex) {
  put_alone(*store_, "entry", "e");
  const IndexKey parent[] = {{"parent_id", "p"}};
  const IndexKey spiffe_id[] = {{"spiffe_id", "s"}};
  const IndexKey similar[] = {
      {"parent_id", "p"}, {"spiffe_id", "s"}, {"selector", "a:b"}, {"selector", "c:d"}};
  const IndexKey selector[] = {{"selector", "a:b"}};
  const IndexKey downstream[] = {{"downstream", "1"}};
  const IndexKey hint[] = {{"hint", "h"}};
  Query query;
  query.kind = "entry";
  query.where = parent;
  EXPECT_THAT(plan(query), testing::HasSubstr("USING INDEX entry_parent_id (parent_id=?)"));
  EXPECT_THAT(plan(query), testing::Not(testing::HasSubstr("TEMP B-TREE")));
  query.after_row = 7;
  query.limit = 10;
  EXPECT_THAT(plan(query),
              testing::HasSubstr("USING INDEX entry_parent_id (parent_id=? AND rowid>?)"));
  query.after_row = 0;
  query.where = spiffe_id;
  EXPECT_THAT(plan(query), testing::HasSubstr("USING INDEX entry_spiffe_id (spiffe_id=?)"));
  query.where = similar;
  EXPECT_THAT(plan(query),
              testing::HasSubstr("USING INDEX entry_spiffe_id (spiffe_id=? AND similar=?)"));
  query.where = selector;
  for (const SetMatch match :
       {SetMatch::kExact, SetMatch::kSubset, SetMatch::kSuperset, SetMatch::kAny}) {
    query.selector_match = match;
    EXPECT_THAT(plan(query), testing::Not(testing::HasSubstr("SCAN entry\n")));
  }
  query.where = downstream;
  EXPECT_THAT(plan(query), testing::HasSubstr("entry_downstream"));
  query.where = hint;
  EXPECT_THAT(plan(query), testing::HasSubstr("entry_hint"));
  query.where = {};
  query.expires_before = 10;
  EXPECT_THAT(plan(query), testing::HasSubstr("entry_expires_at"));
}

}  // namespace
}  // namespace signet::datastore_sql
