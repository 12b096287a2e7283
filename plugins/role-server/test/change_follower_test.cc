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
  host_.store().fail_changes = 1;
  pass(2);
  EXPECT_TRUE(view_.bodies.empty());
  pass(1);
  EXPECT_EQ(view_.bodies, (Bodies{{"a", "1"}}));
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
