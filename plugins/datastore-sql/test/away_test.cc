// A PostgreSQL that is killed, frozen or made read-only under the store.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres_fixture.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class Away : public testing::Test {
 protected:
  std::unique_ptr<PostgresStore> open() {
    auto options = store_options(where_);
    options.on_state = [this](bool away, std::string_view) { away_ = away; };
    auto store = PostgresStore::open(std::move(options));
    if (!store) ADD_FAILURE() << store.status().to_string();
    return std::move(*store);
  }
  explicit Away(bool durable = false) : server_(with_durable(durable)) {}
  static PostgresServer::Options with_durable(bool durable) {
    PostgresServer::Options options;
    options.durable = durable;
    return options;
  }

  PostgresServer server_;
  const std::string where_ = server_.new_database();
  std::atomic<bool> away_{false};
};

bool writes(Store& store) {
  auto tx = store.begin(Mode::kWrite, seconds(1));
  return tx && put(**tx, "meta", "probe", "x").ok() && (*tx)->commit();
}

TEST_F(Away, AKilledServerIsUnavailableAtOnceAndFoundAgain) {
  const auto store = open();
  put_alone(*store, "meta", "a");
  auto open_reader = must_begin(*store, Mode::kRead);
  server_.kill();
  EXPECT_EQ(get(*open_reader, "meta", "a").status().code(), Code::kUnavailable);
  open_reader.reset();
  const auto before = Clock::now();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(store->begin(Mode::kWrite, kWait).status().code(), Code::kUnavailable);
    EXPECT_EQ(store->begin(Mode::kRead, kWait).status().code(), Code::kUnavailable);
    EXPECT_EQ(changes(*store, 0).status().code(), Code::kUnavailable);
    EXPECT_EQ(store->ask_latest(kWait).status().code(), Code::kUnavailable);
  }
  EXPECT_LT(Clock::now() - before, kWait) << "none of them waited";
  EXPECT_TRUE(eventually([&] { return away_.load(); }));
  server_.start();
  EXPECT_TRUE(eventually([&] { return writes(*store); }));
  EXPECT_TRUE(eventually([&] { return !away_; }));
  EXPECT_TRUE(get_alone(*store, "meta", "a"));
}

TEST_F(Away, AServerRestartedInBetweenIsNotNoticed) {
  const auto store = open();
  put_alone(*store, "meta", "a");
  server_.stop_fast();
  server_.start();
  EXPECT_TRUE(eventually([&] { return writes(*store); }));
}

TEST_F(Away, AFrozenServerIsUnavailableInTime) {
  const auto store = open();
  put_alone(*store, "meta", "a");
  server_.pause();
  const auto before = Clock::now();
  EXPECT_EQ(store->begin(Mode::kWrite, milliseconds(500)).status().code(), Code::kUnavailable);
  EXPECT_LT(Clock::now() - before, seconds(10));
  EXPECT_EQ(store->begin(Mode::kRead, milliseconds(500)).status().code(), Code::kUnavailable);
  EXPECT_EQ(store->ask_latest(milliseconds(500)).status().code(), Code::kUnavailable);
  server_.resume();
  EXPECT_TRUE(eventually([&] { return writes(*store); }));
}

// As when the follower's session hangs alone: what others commit is known when asked for.
TEST_F(Away, AnswersWhileItsListenerHangs) {
  const auto store = open();
  const auto other = open();
  const std::string listeners =
      "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE datname = '" +
      database_of(where_) + "' AND query LIKE '%log_start%' AND query NOT LIKE 'BEGIN%'";
  std::string pids;
  ASSERT_TRUE(eventually([&] {
    pids = server_.sql("postgres", listeners);
    return pids.find(' ') != std::string::npos;
  })) << "both stores follow";
  std::istringstream words(pids);
  std::vector<pid_t> stopped;
  for (pid_t pid = 0; words >> pid;) {
    ASSERT_EQ(::kill(pid, SIGSTOP), 0);
    stopped.push_back(pid);
  }
  const auto revision = put_alone(*other, "meta", "a");
  const auto before = Clock::now();
  const auto asked = store->ask_latest(kWait);
  EXPECT_LT(Clock::now() - before, seconds(5));
  for (const pid_t pid : stopped) ::kill(pid, SIGCONT);
  ASSERT_TRUE(asked) << asked.status().to_string();
  EXPECT_EQ(*asked, revision);
}

TEST_F(Away, AReadOnlyPrimaryIsUnavailable) {
  const auto store = open();
  put_alone(*store, "meta", "a");
  server_.sql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on");
  server_.sql("postgres", "SELECT pg_reload_conf()");
  EXPECT_TRUE(eventually(
      [&] { return store->begin(Mode::kWrite, kWait).status().code() == Code::kUnavailable; }));
  server_.sql("postgres", "ALTER SYSTEM RESET default_transaction_read_only");
  server_.sql("postgres", "SELECT pg_reload_conf()");
  EXPECT_TRUE(eventually([&] { return writes(*store); }));
}

TEST_F(Away, SecretsAreInNoError) {
  for (const std::string& where :
       {std::string("host=127.0.0.1 port=1 user=u password=hunter2hunter2 dbname=d"),
        std::string("postgres://u:hunter2hunter2@127.0.0.1:1/d?connect_timeout=1"),
        "host=" + server_.folder() + " port=" + std::to_string(server_.port()) +
            " user=nobody password=hunter2hunter2 dbname=none"}) {
    const auto opened = PostgresStore::open(store_options(where));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.status().code(), Code::kUnavailable);
    EXPECT_THAT(opened.status().to_string(), testing::Not(HasSubstr("hunter2")));
  }
}

class DurableAway : public Away {
 protected:
  DurableAway() : Away(true) {}
};

// Each writer makes records of its own and notes what was acknowledged. SIGNET_PG_KILLS sets how
// often the server is killed; the long run has 10.
TEST_F(DurableAway, KilledUnderWritersItLosesNothingAcknowledged) {
  const char* asked = std::getenv("SIGNET_PG_KILLS");
  const int kills = asked ? std::stoi(asked) : 2;
  std::vector<std::unique_ptr<PostgresStore>> stores;
  for (int i = 0; i < 2; ++i) stores.push_back(open());
  std::mutex mutex;
  std::set<std::string> acknowledged;
  std::uint64_t newest = 0;
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (unsigned w = 0; w < 6; ++w) {
    writers.emplace_back([&, w] {
      Store& store = *stores[w % stores.size()];
      for (int i = 0; !stop; ++i) {
        const std::string id = std::to_string(w) + "." + std::to_string(i);
        auto tx = store.begin(Mode::kWrite, seconds(5));
        Status done = tx ? put(**tx, "entry", id, "b", 0, {{"selector", "a:b"}}) : tx.status();
        if (done.ok()) {
          const auto revision = (*tx)->commit();
          done = revision.status();
          const std::lock_guard lock(mutex);
          if (revision) {
            acknowledged.insert(id);
            newest = std::max(newest, *revision);
          }
        }
        if (!done.ok()) {
          ASSERT_EQ(done.code(), Code::kUnavailable) << done.to_string();
          ::usleep(1000);
        }
      }
    });
  }
  std::minstd_rand random(std::random_device{}());
  for (int kill = 0; kill < kills; ++kill) {
    std::size_t before = 0;
    {
      const std::lock_guard lock(mutex);
      before = acknowledged.size();
    }
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return acknowledged.size() > before + 20;
    })) << "no writer goes on after kill "
        << kill;
    ::usleep(static_cast<useconds_t>(random() % 50'000));
    server_.kill();
    server_.start();
  }
  EXPECT_TRUE(eventually([&] { return writes(*stores[0]) && writes(*stores[1]); }));
  stop = true;
  for (auto& writer : writers) writer.join();
  stores.clear();
  const auto store = open();
  EXPECT_GE(store->latest_revision(), newest);
  Query all;
  all.kind = "entry";
  const auto found = ids(*must_begin(*store, Mode::kRead), all);
  const std::set<std::string> there(found.begin(), found.end());
  for (const auto& id : acknowledged) EXPECT_TRUE(there.contains(id)) << id;
  RecordProperty("acknowledged", static_cast<int>(acknowledged.size()));
}

}  // namespace
}  // namespace signet::datastore_sql
