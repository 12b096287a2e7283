#include "change_follower.h"

#include <map>

#include <gtest/gtest.h>

#include "server_fakes.h"

namespace signet::server {
namespace {

// A view of the kind "meta": the body of each record.
class View final : public ChangeSubscriber {
 public:
  std::string_view kind() const override { return "meta"; }
  Status reload(Transaction& tx) override {
    ++reloads;
    bodies.clear();
    revisions.clear();
    Query query;
    query.kind = "meta";
    SIGNET_TRY(const auto records, tx.query(query));
    for (const Record& record : records) apply(record);
    applied = 0;
    return {};
  }
  bool knows(const Change& change) const override {
    const auto at = revisions.find(change.id);
    return at != revisions.end() && at->second >= change.revision;
  }
  void apply(const Record& record) override {
    ++applied;
    bodies[record.id] = record.body;
    revisions[record.id] = record.revision;
  }
  void erase(std::string_view id, std::uint64_t revision) override {
    bodies.erase(std::string(id));
    revisions[std::string(id)] = revision;
  }

  std::map<std::string, std::string> bodies;
  std::map<std::string, std::uint64_t> revisions;
  int reloads = 0;
  int applied = 0;  // since the last reload
};

using Bodies = std::map<std::string, std::string>;

class ChangeFollowerTest : public ::testing::Test {
 protected:
  // As another server of the same trust domain would write.
  std::uint64_t put(const std::string& id, const std::string& body) {
    auto tx = store_.write();
    Record record;
    record.kind = "meta";
    record.id = id;
    record.body = body;
    EXPECT_TRUE(tx->put(record).ok());
    return tx->commit().value();
  }
  void erase(const std::string& id) {
    auto tx = store_.write();
    EXPECT_TRUE(tx->erase("meta", id).ok());
    EXPECT_TRUE(tx->commit().ok());
  }
  void start() {
    follower_.subscribe(&view_);
    ASSERT_TRUE(follower_.start().ok());
  }
  void pass(std::int64_t seconds) {
    for (; seconds > 0; --seconds) {
      host_.advance(1);
      host_.fire_timers();
    }
  }

  testing::QuietHost host_;
  Datastore store_ = *Datastore::acquire(host_.host());
  View view_;
  ChangeFollower follower_{host_.host(), store_};
};

TEST_F(ChangeFollowerTest, LoadsWhatIsThere) {
  put("a", "1");
  start();
  EXPECT_EQ(view_.bodies, (Bodies{{"a", "1"}}));
  EXPECT_EQ(view_.reloads, 1);
}

TEST_F(ChangeFollowerTest, LoadsFromAReplicaAndTheRestFromTheLog) {
  put("a", "1");
  put("b", "1");
  host_.store().keep_replica();
  put("a", "2");
  put("c", "1");
  erase("b");
  start();
  EXPECT_EQ(view_.bodies, (Bodies{{"a", "2"}, {"c", "1"}}));
  EXPECT_EQ(view_.reloads, 1);
  EXPECT_EQ(host_.store().stale_reads, 1);
  EXPECT_EQ(follower_.age(), std::chrono::nanoseconds(0)) << "it knows what the datastore knows";
  put("c", "2");
  pass(2);
  EXPECT_EQ(view_.bodies, (Bodies{{"a", "2"}, {"c", "2"}}));
}

TEST_F(ChangeFollowerTest, AReplicaThatTheLogNoLongerReachesOrThatIsAheadIsNotUsed) {
  put("a", "1");
  host_.store().keep_replica();
  put("a", "2");
  put("a", "3");
  host_.store().forget_log();
  start();
  EXPECT_EQ(view_.bodies, (Bodies{{"a", "3"}}));
  EXPECT_EQ(view_.reloads, 2);

  testing::QuietHost restored;
  auto store = *Datastore::acquire(restored.host());
  const auto put_there = [&](const std::string& body) {
    auto tx = store.write();
    Record record;
    record.kind = "meta";
    record.id = "a";
    record.body = body;
    ASSERT_TRUE(tx->put(record).ok());
    ASSERT_TRUE(tx->commit().ok());
  };
  put_there("1");
  restored.store().lose([&] { put_there("lost"); });
  restored.store().keep_replica();
  restored.store().fail_over();
  View view;
  ChangeFollower follower(restored.host(), store);
  follower.subscribe(&view);
  ASSERT_TRUE(follower.start().ok());
  EXPECT_EQ(view.bodies, (Bodies{{"a", "1"}}));
}

TEST_F(ChangeFollowerTest, AStartThatCannotCatchUpLoadsEverything) {
  put("a", "1");
  host_.store().keep_replica();
  put("a", "2");
  host_.store().fail_changes = 1;
  start();
  EXPECT_EQ(view_.bodies, (Bodies{{"a", "2"}}));
  EXPECT_EQ(view_.reloads, 2);
}

TEST_F(ChangeFollowerTest, WatchesAgainWhenTheWatchEndsAndMissesNothing) {
  start();  // the fake's watch is over at once
  put("a", "1");
  put("b", "2");
  erase("a");
  put("b", "3");
  pass(2);
  EXPECT_EQ(view_.bodies, (Bodies{{"b", "3"}}));
  EXPECT_EQ(view_.reloads, 1) << "the log was enough";
}

TEST_F(ChangeFollowerTest, WaitsLongerEachTimeTheWatchEndsAtOnce) {
  start();
  EXPECT_EQ(host_.store().watches, 1);
  std::vector<int> after;
  for (int second = 1; second <= 64; ++second) {
    const int before = host_.store().watches;
    pass(1);
    if (host_.store().watches > before) after.push_back(second);
  }
  EXPECT_EQ(after, (std::vector<int>{2, 6, 14, 30, 60}));  // pauses of 2, 4, 8, 16, 30 seconds
}

TEST_F(ChangeFollowerTest, LoadsEverythingWhenTheLogForgot) {
  start();
  put("a", "1");
  put("b", "2");
  erase("a");
  host_.store().forget_log();
  pass(2);
  EXPECT_EQ(view_.bodies, (Bodies{{"b", "2"}}));
  EXPECT_EQ(view_.reloads, 2);
}

TEST_F(ChangeFollowerTest, TriesAgainWhenTheLogCannotBeRead) {
  start();
  put("a", "1");
  host_.store().fail_changes = 2;
  pass(2);
  EXPECT_TRUE(view_.bodies.empty());
  pass(1);
  EXPECT_EQ(view_.bodies, (Bodies{{"a", "1"}}));
}

// ---- How old what memory knows is

TEST_F(ChangeFollowerTest, IsLiveWhileItHoldsAllThatWasCommittedASecondAgo) {
  start();
  EXPECT_TRUE(follower_.live());
  for (int second = 0; second < 5; ++second) {
    put("a", std::to_string(second));
    pass(1);
    EXPECT_TRUE(follower_.live());
    EXPECT_EQ(view_.bodies, (Bodies{{"a", std::to_string(second)}}));
  }
}

TEST_F(ChangeFollowerTest, IsNotLiveWhileTheLogCannotBeRead) {
  start();
  put("a", "1");
  host_.store().fail_changes = 2;
  pass(2);
  EXPECT_FALSE(follower_.live()) << "it knows that it lacks something";
  EXPECT_EQ(follower_.age(), std::chrono::seconds(2));
  EXPECT_TRUE(follower_.reachable());
  pass(1);
  EXPECT_TRUE(follower_.live());
}

TEST_F(ChangeFollowerTest, AgesWhileTheDatastoreIsAwayAndIsLiveAgainByItself) {
  start();
  host_.store().away = true;
  pass(900);
  EXPECT_FALSE(follower_.live());
  EXPECT_FALSE(follower_.reachable());
  EXPECT_EQ(follower_.age(), std::chrono::minutes(15));
  EXPECT_TRUE(follower_.trusted());
  pass(1);
  EXPECT_FALSE(follower_.trusted());
  EXPECT_EQ(follower_.out_of_date().code(), Code::kUnavailable);
  EXPECT_NE(follower_.out_of_date().message().find("901 s old"), std::string::npos);
  host_.store().away = false;
  put("a", "1");
  pass(1);
  EXPECT_TRUE(follower_.live());
  EXPECT_EQ(view_.bodies, (Bodies{{"a", "1"}}));
  EXPECT_EQ(view_.reloads, 1) << "the log was enough";
}

TEST_F(ChangeFollowerTest, ItsAgeIsAMetricAndInTheHealth) {
  start();
  const auto health = [this] { return host_.health("catalog.datastore"); };
  EXPECT_TRUE(health().live && health().ready);
  EXPECT_EQ(health().details, R"({"memory_age_seconds":0})");
  host_.store().away = true;
  pass(900);
  EXPECT_EQ(host_.metric("datastore.memory_age_seconds"), 900);
  EXPECT_TRUE(health().live && health().ready);
  EXPECT_EQ(health().details, R"({"away":"no answer","memory_age_seconds":900})");
  pass(1);
  EXPECT_TRUE(health().live) << "another process would know less";
  EXPECT_FALSE(health().ready);
  host_.store().away = false;
  pass(1);
  EXPECT_EQ(host_.metric("datastore.memory_age_seconds"), 0);
  EXPECT_TRUE(health().ready);
  EXPECT_EQ(health().details, R"({"memory_age_seconds":0})");
}

TEST_F(ChangeFollowerTest, NothingIsServedOfflineWhenThatIsZero) {
  ChangeFollower strict(host_.host(), store_, std::chrono::seconds(0));
  ASSERT_TRUE(strict.start().ok());
  EXPECT_TRUE(strict.trusted()) << "it is live";
  host_.store().away = true;
  pass(2);
  EXPECT_FALSE(strict.trusted());
}

TEST_F(ChangeFollowerTest, DecidesFromMemoryThenFromTheDatastoreThenFromMemoryThenNotAtAll) {
  start();
  const auto memory = []() -> Result<std::string> { return std::string("memory"); };
  const auto stored = [this]() -> Result<std::string> {
    SIGNET_RETURN_IF_ERROR(store_.read().status());
    return std::string("stored");
  };
  EXPECT_EQ(*follower_.decide(memory, stored), "memory");
  host_.advance(2);
  EXPECT_EQ(*follower_.decide(memory, stored), "stored");
  host_.store().away = true;  // nobody knows yet: it is asked
  EXPECT_EQ(*follower_.decide(memory, stored), "memory");
  pass(899);
  EXPECT_EQ(follower_.decide(memory, stored).status().code(), Code::kUnavailable);
  const auto not_found = []() -> Result<std::string> { return Status::not_found("none"); };
  host_.store().away = false;
  pass(1);
  host_.advance(2);
  EXPECT_EQ(follower_.decide(memory, not_found).status().code(), Code::kNotFound);
}

TEST_F(ChangeFollowerTest, LoadsEverythingWhenTheDatastoreLostWhatItHeld) {
  put("kept", "1");
  start();
  host_.store().lose([this] {
    put("kept", "2");
    put("lost", "1");
    pass(1);
    ASSERT_EQ(view_.bodies, (Bodies{{"kept", "2"}, {"lost", "1"}}));
  });
  host_.store().fail_over();
  pass(1);
  EXPECT_EQ(view_.bodies, (Bodies{{"kept", "1"}}));
  EXPECT_EQ(view_.reloads, 2);
  EXPECT_TRUE(follower_.live());
  put("new", "1");
  pass(1);
  EXPECT_EQ(view_.bodies, (Bodies{{"kept", "1"}, {"new", "1"}}));
  EXPECT_EQ(view_.reloads, 2) << "once is enough";
}

TEST_F(ChangeFollowerTest, DoesNotReadBackWhatThisProcessWrote) {
  start();
  follower_.committed(put("a", "1"));
  host_.store().fail_changes = 1;
  pass(2);
  EXPECT_EQ(host_.store().fail_changes, 1) << "the log was not asked";
  EXPECT_EQ(view_.applied, 0);
}

TEST_F(ChangeFollowerTest, ReadsTheLogAfterAGapInItsOwnWrites) {
  start();
  put("theirs", "1");
  follower_.committed(put("ours", "2"));
  pass(2);
  EXPECT_EQ(view_.bodies, (Bodies{{"ours", "2"}, {"theirs", "1"}}));
}

}  // namespace
}  // namespace signet::server
