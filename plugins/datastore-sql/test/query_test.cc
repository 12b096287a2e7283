// Queries against a brute-force model.
#include <algorithm>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend.h"
#include "query_sql.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

using Set = std::set<std::string>;

// What the test believes is stored.
struct Model {
  std::string id;
  std::uint64_t row = 0;
  std::int64_t expires_at = 0;
  std::string spiffe_id;
  std::string parent_id;
  std::string hint;
  bool downstream = false;
  Set selectors;
  Set federates;
};

bool matches(const Set& stored, const Set& asked, SetMatch match) {
  Set both;
  std::set_intersection(stored.begin(), stored.end(), asked.begin(), asked.end(),
                        std::inserter(both, both.end()));
  switch (match) {
    case SetMatch::kExact:
      return stored == asked;
    case SetMatch::kSubset:
      return !stored.empty() && both == stored;
    case SetMatch::kSuperset:
      return both == asked;
    case SetMatch::kAny:
      return !both.empty();
  }
  return false;
}

class QueryTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = backend_->open({});
    ASSERT_TRUE(store) << store.status().to_string();
    store_ = std::move(*store);
  }

  std::uint64_t pick(std::uint64_t n) { return random_() % n; }

  Set some(const std::string& prefix, std::uint64_t of, std::uint64_t at_most) {
    Set out;
    for (auto n = pick(at_most + 1); n > 0; --n) out.insert(prefix + std::to_string(pick(of)));
    return out;
  }

  Keys keys_of(const Model& m) {
    Keys keys = {{"spiffe_id", m.spiffe_id}, {"parent_id", m.parent_id}, {"hint", m.hint}};
    if (m.downstream) keys.emplace_back("downstream", "1");
    for (const auto& s : m.selectors) keys.emplace_back("selector", s);
    for (const auto& f : m.federates) keys.emplace_back("federates_with", f);
    std::shuffle(keys.begin(), keys.end(), random_);
    return keys;
  }

  void write(Transaction& tx, Model& m) {
    m.spiffe_id = "spiffe://td/w" + std::to_string(pick(4));
    m.parent_id = "spiffe://td/p" + std::to_string(pick(3));
    m.hint = pick(3) == 0 ? "hint" + std::to_string(pick(2)) : "";
    m.downstream = pick(5) == 0;
    m.expires_at = pick(3) == 0 ? static_cast<std::int64_t>(1 + pick(100)) : 0;
    m.selectors = some("s:", 5, 3);
    m.federates = some("td", 3, 2);
    Stored stored;
    ASSERT_TRUE(put(tx, "entry", m.id, "b", kRevisionAny, keys_of(m), m.expires_at, &stored).ok());
    m.row = stored.row;
  }

  void compare(Transaction& tx, const std::vector<Model>& models) {
    Keys where;
    Model asked;
    const bool by_spiffe = pick(3) == 0;
    const bool by_parent = pick(3) == 0;
    const bool by_hint = pick(4) == 0;
    const bool by_downstream = pick(6) == 0;
    if (pick(2) == 0) asked.selectors = some("s:", 5, 4);
    if (pick(3) == 0) asked.federates = some("td", 3, 3);
    asked.spiffe_id = "spiffe://td/w" + std::to_string(pick(4));
    asked.parent_id = "spiffe://td/p" + std::to_string(pick(3));
    asked.hint = pick(2) == 0 ? "hint0" : "";
    if (by_spiffe) where.emplace_back("spiffe_id", asked.spiffe_id);
    if (by_parent) where.emplace_back("parent_id", asked.parent_id);
    if (by_hint) where.emplace_back("hint", asked.hint);
    if (by_downstream) where.emplace_back("downstream", "1");
    for (const auto& s : asked.selectors) where.emplace_back("selector", s);
    for (const auto& f : asked.federates) where.emplace_back("federates_with", f);
    std::shuffle(where.begin(), where.end(), random_);
    const auto index = views(where);
    Query query;
    query.kind = "entry";
    query.where = index;
    query.selector_match = static_cast<SetMatch>(pick(4));
    query.federates_match = static_cast<SetMatch>(pick(4));
    query.after_row = pick(2) == 0 ? pick(models.size()) : 0;
    query.limit = pick(2) == 0 ? static_cast<std::uint32_t>(1 + pick(5)) : 0;
    query.expires_before = pick(4) == 0 ? 50 : 0;
    query.with_body = pick(2) == 0;

    std::vector<std::pair<std::uint64_t, std::string>> wanted;
    std::uint64_t count = 0;
    for (const Model& m : models) {
      if (m.row == 0) continue;
      if (by_spiffe && m.spiffe_id != asked.spiffe_id) continue;
      if (by_parent && m.parent_id != asked.parent_id) continue;
      if (by_hint && m.hint != asked.hint) continue;
      if (by_downstream && !m.downstream) continue;
      if (query.expires_before != 0 &&
          (m.expires_at == 0 || m.expires_at >= query.expires_before)) {
        continue;
      }
      if (!asked.selectors.empty() &&
          !matches(m.selectors, asked.selectors, query.selector_match)) {
        continue;
      }
      if (!asked.federates.empty() &&
          !matches(m.federates, asked.federates, query.federates_match)) {
        continue;
      }
      ++count;
      if (m.row > query.after_row) wanted.emplace_back(m.row, m.id);
    }
    std::sort(wanted.begin(), wanted.end());
    if (query.limit != 0 && wanted.size() > query.limit) wanted.resize(query.limit);
    std::vector<std::string> wanted_ids;
    for (const auto& [row, id] : wanted) wanted_ids.push_back(id);
    const auto sql = build_query(query, Select::kHeaders, sql::Dialect::kSqlite);
    EXPECT_EQ(ids(tx, query), wanted_ids) << (sql ? sql->sql : sql.status().to_string());
    const auto counted = tx.count(query);
    ASSERT_TRUE(counted);
    EXPECT_EQ(*counted, count) << sql->sql;
  }

  std::mt19937_64 random_{20261122};
  const std::unique_ptr<Backend> backend_ = new_backend();
  std::unique_ptr<Store> store_;
};

TEST_F(QueryTest, AgreesWithABruteForceModel) {
  std::vector<Model> models(60);
  for (std::size_t i = 0; i < models.size(); ++i) models[i].id = "e" + std::to_string(i);
  for (int round = 0; round < 40; ++round) {
    auto tx = must_begin(*store_, Mode::kWrite);
    for (int change = 0; change < 15; ++change) {
      Model& m = models[pick(models.size())];
      if (pick(4) == 0) {
        EXPECT_EQ(tx->erase("entry", m.id).code(), m.row == 0 ? Code::kNotFound : Code::kOk);
        m.row = 0;
      } else {
        write(*tx, m);
      }
    }
    for (int i = 0; i < 25; ++i) compare(*tx, models);
    ASSERT_TRUE(tx->commit());
  }
}

TEST_F(QueryTest, HoldsSetsOfTenThousand) {
  Keys keys;
  for (int i = 0; i < 10000; ++i) keys.emplace_back("selector", "s:" + std::to_string(i));
  ASSERT_NE(put_alone(*store_, "entry", "big", "b", keys), 0u);
  ASSERT_NE(put_alone(*store_, "entry", "one", "b", {{"selector", "s:5"}}), 0u);
  const auto index = views(keys);
  auto tx = must_begin(*store_, Mode::kRead);
  Query query;
  query.kind = "entry";
  query.where = index;
  EXPECT_THAT(ids(*tx, query), testing::ElementsAre("big"));
  query.selector_match = SetMatch::kSubset;
  EXPECT_THAT(ids(*tx, query), testing::ElementsAre("big", "one"));
  query.selector_match = SetMatch::kSuperset;
  EXPECT_THAT(ids(*tx, query), testing::ElementsAre("big"));
}

TEST_F(QueryTest, BytesAreComparedAsTheyAre) {
  const std::string odd("a:\0'\"%_\xff", 8);
  ASSERT_NE(put_alone(*store_, "entry", "odd", "b", {{"selector", odd}, {"spiffe_id", odd}}), 0u);
  ASSERT_NE(put_alone(*store_, "entry", "even", "b", {{"selector", "a:"}}), 0u);
  const IndexKey where[] = {{"selector", odd}, {"spiffe_id", odd}};
  Query query;
  query.kind = "entry";
  query.where = where;
  EXPECT_THAT(ids(*must_begin(*store_, Mode::kRead), query), testing::ElementsAre("odd"));
}

// Longer than an index of PostgreSQL takes, and not to be compressed to less.
TEST_F(QueryTest, LongKeysAreFoundAndToldApart) {
  std::string noise;
  while (noise.size() < 60000) noise += static_cast<char>(random_());
  const std::string one = "a:" + noise;
  const std::string other = one.substr(0, one.size() - 1);
  ASSERT_NE(put_alone(*store_, "entry", "one", "b", {{"selector", one}, {"hint", one}}), 0u);
  ASSERT_NE(put_alone(*store_, "entry", "other", "b", {{"selector", other}, {"hint", other}}), 0u);
  for (const char* key : {"selector", "hint"}) {
    const IndexKey where[] = {{key, one}};
    Query query;
    query.kind = "entry";
    query.where = where;
    for (const SetMatch match :
         {SetMatch::kExact, SetMatch::kSubset, SetMatch::kSuperset, SetMatch::kAny}) {
      query.selector_match = match;
      EXPECT_THAT(ids(*must_begin(*store_, Mode::kRead), query), testing::ElementsAre("one"));
    }
  }
  ASSERT_NE(put_alone(*store_, "entry", "one", "b", {{"selector", other}}), 0u);
  const IndexKey where[] = {{"selector", one}};
  Query query;
  query.kind = "entry";
  query.where = where;
  EXPECT_THAT(ids(*must_begin(*store_, Mode::kRead), query), testing::IsEmpty());
  EXPECT_TRUE(erase_alone(*store_, "entry", "one"));
}

// More than PostgreSQL's store fetches at once.
TEST_F(QueryTest, ManyRecordsComeInOrder) {
  constexpr int kRecords = 3000;
  {
    auto tx = must_begin(*store_, Mode::kWrite);
    for (int i = 0; i < kRecords; ++i) {
      ASSERT_TRUE(put(*tx, "meta", "m" + std::to_string(i), std::string(i % 700, 'x')).ok());
    }
    ASSERT_TRUE(tx->commit());
  }
  Query all;
  all.kind = "meta";
  int next = 0;
  auto tx = must_begin(*store_, Mode::kRead);
  ASSERT_TRUE(tx->query(all, [&](const RecordView& record) {
                  EXPECT_EQ(record.id, "m" + std::to_string(next));
                  EXPECT_EQ(record.body.size(), static_cast<std::size_t>(next % 700));
                  EXPECT_EQ(record.row, static_cast<std::uint64_t>(next + 1));
                  ++next;
                  return Status();
                }).ok());
  EXPECT_EQ(next, kRecords);
  // A walk that is given up leaves the transaction of use.
  const Status given_up = tx->query(all, [](const RecordView&) { return Status::cancelled("no"); });
  EXPECT_EQ(given_up.code(), Code::kCancelled);
  EXPECT_EQ(*tx->count(all), static_cast<std::uint64_t>(kRecords));
}

TEST_F(QueryTest, UnknownKeysAndKindsAreRefused) {
  auto tx = must_begin(*store_, Mode::kRead);
  const IndexKey where[] = {{"colour", "red"}};
  Query query;
  query.kind = "entry";
  query.where = where;
  EXPECT_EQ(tx->count(query).status().code(), Code::kInvalidArgument);
  query.kind = "meta";
  EXPECT_EQ(tx->count(query).status().code(), Code::kInvalidArgument);
  query.kind = "colour";
  query.where = {};
  EXPECT_EQ(tx->count(query).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace signet::datastore_sql
