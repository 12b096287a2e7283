// Who has which bundle: one server's agents, and what several servers tell each other.
#include "server_group.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "fake_entries.h"
#include "server_fakes.h"

namespace signet::server {
namespace {

// The fake datastore ends every watch, so a server looks again after a while that grows to this.
constexpr std::int64_t kSettle = 35;

// One server over a datastore that it may share with others.
class Member {
 public:
  explicit Member(testing::MemoryDatastore* shared = nullptr) : host_(shared) {
    std::string name = (std::filesystem::temp_directory_path() / "sgt-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    boot();
  }
  ~Member() {
    shut();
    std::filesystem::remove_all(folder_);
  }
  void boot() {
    parts_ = std::make_unique<Parts>(host_, folder_);
    ASSERT_TRUE(parts_->group.identify().ok());
    ASSERT_TRUE(parts_->changes.start().ok());
    ASSERT_TRUE(parts_->group.start("journal").ok());
  }
  void shut() {
    if (parts_) parts_->group.stop();
    parts_.reset();
  }
  void crash() { parts_.reset(); }
  // Time passes; what others wrote is read, and what changed here is told.
  void pass(std::int64_t seconds) {
    host_.advance(seconds);
    host_.fire_timers();
  }
  void agent(const std::string& path) {
    const auto id = SpiffeId::parse("spiffe://example.org/spire/agent/" + path);
    ASSERT_TRUE(
        parts_->agents.attested({*id, "join_token", "1", host_.now() + 3600, false, {}}).ok());
  }
  AgentPtr find(const std::string& path) {
    return parts_->agents.find("spiffe://example.org/spire/agent/" + path);
  }
  void calls(const std::string& path) {
    AgentRecords::saw(*find(path), host_.host().monotonic_ns());
  }
  void gets_bundle(const std::string& path) {
    parts_->agents.gave_bundle("spiffe://example.org/spire/agent/" + path, revision(),
                               host_.host().monotonic_ns());
  }
  void change_bundle(const std::string& key_id) {
    ASSERT_TRUE(parts_->bundles
                    .change_own([&](spire::api::types::Bundle& bundle) -> Result<bool> {
                      bundle.add_jwt_authorities()->set_key_id(key_id);
                      return true;
                    })
                    .ok());
  }
  std::uint64_t revision() { return parts_->bundles.own()->revision; }
  ServerGroup& group() { return parts_->group; }
  std::uint64_t writes() { return host_.store().revision(); }
  testing::QuietHost& host() { return host_; }

 private:
  struct Parts {
    Parts(testing::QuietHost& host, const std::string& folder)
        : config(*TrustDomain::parse("example.org")),
          store(*Datastore::acquire(host.host())),
          changes(host.host(), store),
          bundles(host.host(), store, changes, config.trust_domain),
          agents(host.host(), store, changes, entries),
          group(host.host(), config, store, changes, bundles, agents) {
      config.data_dir = folder;
      changes.subscribe(&bundles);
      changes.subscribe(&agents);
      changes.subscribe(&group);
    }
    ServerConfig config;
    Datastore store;
    ChangeFollower changes;
    TrustBundles bundles;
    testing::FakeEntries entries;
    AgentRecords agents;
    ServerGroup group;
  };
  testing::QuietHost host_;
  std::string folder_;
  std::unique_ptr<Parts> parts_;
};

TEST(ServerGroup, CountsAgentsThatCalledLatelyAndLackTheBundle) {
  Member server;
  server.change_bundle("one");
  for (const char* path : {"a", "b", "silent"}) server.agent(path);
  EXPECT_TRUE(server.group().lacking(server.revision()).nobody()) << "nobody called yet";
  server.calls("a");
  server.gets_bundle("b");
  EXPECT_EQ(server.group().lacking(server.revision()).agents, 1u);
  server.gets_bundle("a");
  EXPECT_TRUE(server.group().lacking(server.revision()).nobody());
  server.change_bundle("two");
  EXPECT_EQ(server.group().lacking(server.revision()).agents, 2u);
  server.pass(121);
  EXPECT_TRUE(server.group().lacking(server.revision()).nobody()) << "gone for two minutes";
}

TEST(ServerGroup, KeepsWhatAnAgentHasWhenItsRecordChanges) {
  Member server;
  server.change_bundle("one");
  server.agent("a");
  server.gets_bundle("a");
  server.agent("a");  // attests again
  server.calls("a");
  EXPECT_TRUE(server.group().lacking(server.revision()).nobody());
}

TEST(ServerGroup, WritesNothingForAPoll) {
  Member server;
  server.change_bundle("one");
  server.agent("a");
  server.gets_bundle("a");
  server.pass(1);
  const auto writes = server.writes();
  for (int i = 0; i < 20; ++i) {
    server.gets_bundle("a");
    server.calls("a");
    server.pass(1);
  }
  EXPECT_EQ(server.writes(), writes);
  server.pass(15);
  EXPECT_EQ(server.writes(), writes + 1) << "the heartbeat";
}

// Two servers; an agent of the second has the bundle that there is, and both know.
struct Pair {
  Pair() {
    one.change_bundle("first");
    two.pass(kSettle);
    two.agent("a");
    two.gets_bundle("a");
    pass(kSettle);
  }
  void pass(std::int64_t seconds) {
    for (Member* member : {&two, &one, &two, &one}) member->pass(seconds);
  }
  testing::MemoryDatastore shared;
  Member one{&shared}, two{&shared};
};

TEST(ServerGroup, LearnsFromTheOthersWhatTheyAndTheirAgentsLack) {
  Pair pair;
  Member &one = pair.one, &two = pair.two;
  EXPECT_EQ(one.group().others(), 1u);
  EXPECT_TRUE(one.group().lacking(one.revision()).nobody());
  one.change_bundle("second");
  EXPECT_EQ(one.group().lacking(one.revision()).servers, 1u) << "not read there yet";
  two.calls("a");
  pair.pass(kSettle);
  EXPECT_EQ(one.group().lacking(one.revision()).servers, 0u);
  EXPECT_EQ(one.group().lacking(one.revision()).agents, 1u);
  two.gets_bundle("a");
  pair.pass(kSettle);
  EXPECT_TRUE(one.group().lacking(one.revision()).nobody());
}

TEST(ServerGroup, WaitsForTheAgentsOfAServerThatStoppedForTwoMinutes) {
  Pair pair;
  Member &one = pair.one, &two = pair.two;
  ASSERT_TRUE(one.group().lacking(one.revision()).nobody());
  two.calls("a");
  two.shut();
  one.pass(kSettle);
  EXPECT_TRUE(one.group().lacking(one.revision()).nobody()) << "they have what there is";
  one.change_bundle("second");
  EXPECT_EQ(one.group().lacking(one.revision()).servers, 0u);
  EXPECT_EQ(one.group().lacking(one.revision()).agents, 1u);
  one.pass(121);
  EXPECT_TRUE(one.group().lacking(one.revision()).nobody());
}

TEST(ServerGroup, DoesNotWaitForAServerThatStoppedOrDied) {
  testing::MemoryDatastore shared;
  Member one(&shared);
  {
    Member two(&shared);
    one.pass(kSettle);
    EXPECT_EQ(one.group().others(), 1u);
    two.shut();
    one.pass(kSettle);
    EXPECT_EQ(one.group().others(), 0u) << "it said so";
  }
  Member three(&shared);
  one.pass(kSettle);
  EXPECT_EQ(one.group().others(), 1u);
  three.crash();
  one.pass(60);
  EXPECT_EQ(one.group().others(), 1u);
  one.pass(90);
  EXPECT_EQ(one.group().others(), 0u) << "not heard of for two minutes";
}

TEST(ServerGroup, ARestartIsNotANewcomerAndRemembersWhatItsAgentsLacked) {
  Member server;
  server.change_bundle("one");
  server.agent("a");
  server.gets_bundle("a");
  server.pass(31);
  server.change_bundle("two");
  server.shut();
  server.boot();
  EXPECT_EQ(server.group().others(), 0u);
  EXPECT_FALSE(server.group().lacking(server.revision()).nobody())
      << "the agent has not been heard of since";
  server.gets_bundle("a");
  server.pass(121);
  server.gets_bundle("a");
  EXPECT_TRUE(server.group().lacking(server.revision()).nobody());
}

}  // namespace
}  // namespace signet::server
