// A primary and its standby: replica reads, promotion, and what was never copied.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres_fixture.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

PostgresServer::Options replicated() {
  PostgresServer::Options options;
  options.tcp = true;
  options.settings = {"wal_level=replica", "max_wal_senders=4", "hot_standby=on"};
  return options;
}

class Failover : public testing::Test {
 protected:
  std::unique_ptr<PostgresStore> open(PostgresStore::Options options) {
    auto store = PostgresStore::open(std::move(options));
    if (!store) ADD_FAILURE() << store.status().to_string();
    return std::move(*store);
  }
  std::string both() const {
    return "host=" + primary_.folder() + "," + standby_->folder() +
           " port=" + std::to_string(primary_.port()) + "," + std::to_string(standby_->port()) +
           " user=signet dbname=" + database_;
  }
  static bool writes(Store& store) {
    auto tx = store.begin(Mode::kWrite, kWait);
    return tx && put(**tx, "meta", "probe", "x").ok() && (*tx)->commit();
  }
  bool caught_up() const {
    const std::string sent = primary_.sql("postgres", "SELECT pg_current_wal_lsn()");
    return standby_->sql("postgres", "SELECT pg_last_wal_replay_lsn() >= '" + sent + "'") == "t";
  }

  PostgresServer primary_{replicated()};
  const std::string database_ = database_of(primary_.new_database());
  const std::unique_ptr<PostgresServer> standby_ = PostgresServer::standby_of(primary_);
};

TEST_F(Failover, AReplicaServesOnlyWhatMayBeStale) {
  auto options = store_options(primary_.where(database_));
  options.replica = ConnectionString::parse(standby_->where(database_), {})->for_any_session();
  const auto store = open(std::move(options));
  put_alone(*store, "entry", "a", "copied");
  ASSERT_TRUE(eventually([&] { return caught_up(); }));
  standby_->sql("postgres", "SELECT pg_wal_replay_pause()");
  put_alone(*store, "entry", "a", "not yet copied");
  EXPECT_EQ(get(*must_begin(*store, Mode::kReadStale), "entry", "a")->body, "copied");
  EXPECT_EQ(get(*must_begin(*store, Mode::kRead), "entry", "a")->body, "not yet copied");
  EXPECT_EQ(changes(*store, 1)->size(), 1u);
  auto stale = must_begin(*store, Mode::kReadStale);
  EXPECT_EQ(*stale->commit(), 1u) << "the revision of what it read, from which the log goes on";
  standby_->kill();
  EXPECT_EQ(get(*must_begin(*store, Mode::kReadStale), "entry", "a")->body, "not yet copied");
}

TEST_F(Failover, APromotedStandbyIsFoundAndReadersLoadAnew) {
  const auto store = open(store_options(both()));
  put_alone(*store, "entry", "a");
  ASSERT_TRUE(eventually([&] { return caught_up(); }));
  standby_->sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
  standby_->sql("postgres", "SELECT pg_reload_conf()");
  ASSERT_TRUE(eventually([&] {
    return standby_->sql("postgres", "SELECT count(*) FROM pg_stat_wal_receiver") == "0";
  }));
  const auto lost = put_alone(*store, "entry", "lost");  // acknowledged, and never copied
  primary_.kill();
  standby_->promote();
  EXPECT_TRUE(eventually([&] { return writes(*store); }));
  EXPECT_TRUE(get_alone(*store, "entry", "a"));
  EXPECT_FALSE(get_alone(*store, "entry", "lost")) << "the test means to lose it";
  EXPECT_GT(store->latest_revision(), lost);
  EXPECT_EQ(changes(*store, lost).status().code(), Code::kFailedPrecondition)
      << "who saw the lost commit must load anew";
  const auto now = store->latest_revision();
  EXPECT_TRUE(writes(*store));
  EXPECT_EQ(store->latest_revision(), now + 1) << "that happens once";
  EXPECT_EQ(changes(*store, now)->size(), 1u);
}

TEST_F(Failover, AStandbyAloneIsUnavailableUntilItIsPromoted) {
  const auto only_standby = PostgresStore::open(store_options(standby_->where(database_)));
  EXPECT_EQ(only_standby.status().code(), Code::kUnavailable);
  const auto store = open(store_options(both()));
  put_alone(*store, "entry", "a");
  ASSERT_TRUE(eventually([&] { return caught_up(); }));
  primary_.kill();
  EXPECT_TRUE(eventually(
      [&] { return store->begin(Mode::kWrite, kWait).status().code() == Code::kUnavailable; }));
  standby_->promote();
  EXPECT_TRUE(eventually([&] { return writes(*store); }));
}

}  // namespace
}  // namespace signet::datastore_sql
