// Revisions in commit order, among several stores on one PostgreSQL as among several servers.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres_fixture.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Revisions : public testing::Test {
 protected:
  std::unique_ptr<PostgresStore> open() {
    auto store = PostgresStore::open(store_options(where_));
    if (!store) ADD_FAILURE() << store.status().to_string();
    return std::move(*store);
  }

  const std::string where_ = PostgresServer::shared().new_database();
};

TEST_F(Revisions, ACommitOfOneStoreIsSeenByTheOther) {
  const auto a = open();
  const auto b = open();
  const auto revision = put_alone(*a, "entry", "e", "body");
  EXPECT_TRUE(eventually([&] { return b->latest_revision() == revision; }));
  EXPECT_EQ(get_alone(*b, "entry", "e")->body, "body");
}

TEST_F(Revisions, WhoDrewFirstAndCommitsLastHidesNothingFromAReaderInBetween) {
  const auto first = open();
  const auto second = open();
  const auto reader = open();
  auto drew_first = must_begin(*first, Mode::kWrite);
  ASSERT_TRUE(put(*drew_first, "entry", "of the first", "x").ok());
  std::atomic<bool> committed{false};
  std::thread other([&] {
    put_alone(*second, "entry", "of the second", "x");
    committed = true;
  });
  const std::string waiting =
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '" +
      database_of(where_) + "'";
  EXPECT_TRUE(eventually([&] { return PostgresServer::shared().sql("postgres", waiting) == "1"; }));
  EXPECT_FALSE(committed) << "it would have the higher revision and be visible first";
  EXPECT_THAT(*changes(*reader, 0), IsEmpty());
  ASSERT_TRUE(drew_first->commit());
  drew_first.reset();
  other.join();
  EXPECT_THAT(*changes(*reader, 0), ElementsAre(OwnedChange{"entry/of the first", 1},
                                                OwnedChange{"entry/of the second", 2}));
}

TEST_F(Revisions, AWriterWhoWaitsTooLongIsUnavailable) {
  const auto first = open();
  const auto second = open();
  const auto tx = must_begin(*first, Mode::kWrite);
  const auto late = second->begin(Mode::kWrite, std::chrono::milliseconds(50));
  EXPECT_EQ(late.status().code(), Code::kUnavailable);
  EXPECT_THAT(late.status().message(), testing::HasSubstr("no turn to write"));
}

TEST_F(Revisions, AFrozenWriterDoesNotKeepTheOthersFromWriting) {
  auto options = store_options(where_);
  options.longest_idle_writer = std::chrono::milliseconds(100);
  auto frozen = PostgresStore::open(std::move(options));
  ASSERT_TRUE(frozen);
  const auto other = open();
  auto tx = must_begin(**frozen, Mode::kWrite);
  ASSERT_TRUE(put(*tx, "entry", "frozen", "x").ok());
  EXPECT_EQ(put_alone(*other, "entry", "other"), 1u);
  EXPECT_EQ(tx->commit().status().code(), Code::kUnavailable);
  EXPECT_THAT(*changes(*other, 0), ElementsAre(OwnedChange{"entry/other", 1}));
  tx.reset();
  EXPECT_EQ(put_alone(**frozen, "entry", "thawed"), 2u);
}

TEST_F(Revisions, AClaimIsOneServersUntilItsTransactionEnds) {
  const auto first = open();
  const auto second = open();
  auto holder = must_begin(*first, Mode::kRead);
  ASSERT_TRUE(holder->claim("prune").ok());
  EXPECT_TRUE(holder->claim("prune").ok()) << "it has it already";
  EXPECT_EQ(must_begin(*second, Mode::kRead)->claim("prune").code(), Code::kAborted);
  EXPECT_TRUE(must_begin(*second, Mode::kRead)->claim("other").ok());
  put_alone(*second, "meta", "a");  // nobody waits for it
  holder.reset();
  EXPECT_TRUE(must_begin(*second, Mode::kWrite)->claim("prune").ok());
}

TEST_F(Revisions, AClaimEndsWithItsServer) {
  const auto first = open();
  const auto second = open();
  auto holder = must_begin(*first, Mode::kRead);
  ASSERT_TRUE(holder->claim("prune").ok());
  ASSERT_EQ(must_begin(*second, Mode::kRead)->claim("prune").code(), Code::kAborted);
  // What the database does when the holder is killed: its session ends.
  PostgresServer::shared().sql(
      "postgres",
      "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON "
      "pg_database.oid = database WHERE locktype = 'advisory' AND datname = '" +
          database_of(where_) + "'");
  EXPECT_TRUE(eventually([&] { return must_begin(*second, Mode::kRead)->claim("prune").ok(); }));
}

// The long run has 1,000,000 changes, and tells how long they took.
TEST_F(Revisions, EveryReadersStateEqualsTheTable) {
  const char* scale = std::getenv("SIGNET_TEST_SCALE");
  const int wanted = scale && scale == std::string_view("long") ? 1'000'000 : 8000;
  const auto began = std::chrono::steady_clock::now();
  constexpr int kWriters = 50;
  constexpr int kBatch = 8;
  std::vector<std::unique_ptr<PostgresStore>> stores;
  for (int i = 0; i < 3; ++i) stores.push_back(open());
  std::atomic<int> left{wanted / kBatch};
  std::atomic<int> writing{kWriters};
  std::vector<std::thread> threads;
  for (unsigned w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      Store& store = *stores[w % stores.size()];
      std::uint64_t random = w + 1;
      while (left-- > 0) {
        auto begun = store.begin(Mode::kWrite, std::chrono::seconds(60));
        ASSERT_TRUE(begun) << begun.status().to_string();
        for (int i = 0; i < kBatch; ++i) {
          random = random * 6364136223846793005u + 1442695040888963407u;
          const std::string kind = random >> 40 & 1 ? "entry" : "agent";
          const std::string id = "r" + std::to_string(random >> 55);
          if (random >> 32 & 3) {
            EXPECT_TRUE(put(**begun, kind, id, "b", kRevisionAny, {{"selector", "a:" + id}}).ok());
          } else {
            (void)(*begun)->erase(kind, id);
          }
        }
        if (random >> 50 & 7) {
          EXPECT_TRUE((*begun)->commit());
        }
      }
      --writing;
    });
  }
  using View = std::map<std::string, std::uint64_t>;
  std::vector<View> views(stores.size());
  for (std::size_t r = 0; r < views.size(); ++r) {
    threads.emplace_back([&, r] {
      std::uint64_t cursor = 0;
      for (bool last = false;;) {
        const bool ending = writing == 0;
        const auto some = changes(*stores[r], cursor, 50);
        ASSERT_TRUE(some) << some.status().to_string();
        for (const auto& change : *some) {
          EXPECT_GT(change.revision, cursor == 0 ? 0 : cursor - 1);
          cursor = change.revision;
          if (change.what[0] == '-') {
            views[r].erase(change.what.substr(1));
          } else {
            views[r][change.what] = change.revision;
          }
        }
        if (some->empty() && last) break;
        last = ending && some->empty();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  View table;
  auto tx = must_begin(*stores[0], Mode::kRead);
  for (const char* kind : {"entry", "agent"}) {
    Query all;
    all.kind = kind;
    ASSERT_TRUE(tx->query(all, [&](const RecordView& record) {
                    table[std::string(record.kind) + "/" + std::string(record.id)] =
                        record.revision;
                    return Status();
                  }).ok());
  }
  EXPECT_GT(table.size(), 100u);
  for (const View& view : views) EXPECT_EQ(view, table);
  if (const char* figures = std::getenv("SIGNET_FIGURES")) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::ofstream(figures, std::ios::app)
        << R"({"changes": )" << wanted << R"(, "writers": )" << kWriters << R"(, "readers": )"
        << views.size() << R"(, "seconds": )" << took.count() << "}\n";
  }
}

}  // namespace
}  // namespace signet::datastore_sql
