// The indexes that hot queries must use on PostgreSQL, with statistics and without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres_fixture.h"
#include "query_sql.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class PostgresPlan : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    store_ = std::move(*PostgresStore::open(store_options(where_)));
    if (!GetParam()) return;
    auto tx = must_begin(*store_, Mode::kWrite);
    for (int i = 0; i < 2000; ++i) {
      const std::string n = std::to_string(i);
      ASSERT_TRUE(put(*tx, "entry", "e" + n, "b", 0,
                      {{"spiffe_id", "s" + n},
                       {"parent_id", "p" + std::to_string(i % 50)},
                       {"selector", "a:" + n},
                       {"selector", "a:all"}},
                      i % 50 == 0 ? 5 : 0)
                      .ok());
    }
    ASSERT_TRUE(tx->commit());
    PostgresServer::shared().sql(database_of(where_), "ANALYZE");
  }

  // The plan that is kept for every value. Parameters are shown as $1, $2, ...
  std::string plan(const Query& query) {
    const auto built = build_query(query, Select::kRecords, sql::Dialect::kPostgres);
    if (!built) return built.status().to_string();
    const ConnectionString where = *ConnectionString::parse(where_, {});
    auto connection = postgres::Connection::open(where, watchdog_, no_trace_);
    if (!connection) return connection.status().to_string();
    sql::Connection& session = **connection;
    std::string text = built->sql;
    std::string nulls;
    for (std::size_t n = 1, at = 0; (at = text.find('?', at)) != std::string::npos; ++n) {
      text.replace(at, 1, "$" + std::to_string(n));
      nulls += (n == 1 ? "NULL" : ", NULL");
    }
    Status done = session.exec(
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; "
        "PREPARE planned AS " +
        text);
    if (!done.ok()) return done.to_string();
    auto rows = (*connection)
                    ->query("EXPLAIN (COSTS OFF) EXECUTE planned" +
                                (nulls.empty() ? "" : "(" + nulls + ")"),
                            std::chrono::seconds(10));
    if (!rows) return rows.status().to_string();
    std::string out;
    for (auto row = (*rows)->step(); row && *row; row = (*rows)->step()) {
      out += std::string((*rows)->text(0)) + "\n";
    }
    return out;
  }

  const std::string where_ = PostgresServer::shared().new_database();
  Watchdog watchdog_;
  const postgres::Connection::Trace no_trace_;
  std::unique_ptr<PostgresStore> store_;
};

TEST_P(PostgresPlan, HotQueriesUseTheirIndex) {
  const IndexKey parent[] = {{"parent_id", "p"}};
  const IndexKey spiffe_id[] = {{"spiffe_id", "s"}, {"hint", "h"}};
  const IndexKey similar[] = {
      {"parent_id", "p"}, {"spiffe_id", "s"}, {"selector", "a:b"}, {"selector", "c:d"}};
  const IndexKey selector[] = {{"selector", "a:b"}};
  const IndexKey downstream[] = {{"downstream", "1"}};
  Query query;
  query.kind = "entry";
  query.where = similar;
  query.limit = 1;
  EXPECT_THAT(plan(query), AllOf(HasSubstr("Index Scan using entry_spiffe_id"),
                                 HasSubstr("(spiffe_id = $1)"), HasSubstr("(\"similar\" = $")));
  query.where = spiffe_id;
  EXPECT_THAT(plan(query), HasSubstr("Index Scan using entry_spiffe_id"));
  query.where = parent;
  query.after_row = 7;
  query.limit = 10;
  EXPECT_THAT(plan(query), AllOf(HasSubstr("Index Scan using entry_parent_id"),
                                 HasSubstr("(\"row\" + 0) > $2"), Not(HasSubstr("Sort"))));
  query.where = {};
  EXPECT_THAT(plan(query), AllOf(HasSubstr("Index Scan using entry_pkey"), Not(HasSubstr("Sort"))));
  query.where = downstream;
  EXPECT_THAT(plan(query), HasSubstr("entry_downstream"));
  query.where = selector;
  for (const SetMatch match :
       {SetMatch::kExact, SetMatch::kSubset, SetMatch::kSuperset, SetMatch::kAny}) {
    query.selector_match = match;
    EXPECT_THAT(plan(query), AllOf(Not(HasSubstr("Seq Scan")), HasSubstr("entry_selector_pkey")));
  }
  query.where = {};
  query.expires_before = 10;
  EXPECT_THAT(plan(query), HasSubstr("entry_expires_at"));
  const IndexKey type[] = {{"attestation_type", "t"}};
  Query agents;
  agents.kind = "agent";
  agents.where = type;
  agents.limit = 10;
  EXPECT_THAT(plan(agents), HasSubstr("agent_attestation_type"));
}

INSTANTIATE_TEST_SUITE_P(Statistics, PostgresPlan, testing::Bool(),
                         [](const auto& which) { return which.param ? "There" : "Missing"; });

}  // namespace
}  // namespace signet::datastore_sql
