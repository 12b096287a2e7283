#include "agent_records.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "fake_entries.h"
#include "server_fakes.h"

namespace signet::server {
namespace {

const std::string kId = "spiffe://example.org/spire/agent/x509pop/node-1";

// Records over a store that outlives them: making another one is a restart.
class AgentRecordsTest : public ::testing::Test {
 protected:
  struct Server {
    explicit Server(testing::QuietHost& quiet)
        : store(*Datastore::acquire(quiet.host())),
          changes(quiet.host(), store),
          agents(quiet.host(), store, changes, entries) {
      agents.on_revoked([this](const std::string& id) { revoked.push_back(id); });
      changes.subscribe(&agents);
      EXPECT_TRUE(changes.start().ok());
    }
    Datastore store;
    testing::FakeEntries entries;
    ChangeFollower changes;
    AgentRecords agents;
    std::vector<std::string> revoked;
  };

  void boot() { server_ = std::make_unique<Server>(host_); }
  AgentRecords& agents() { return server_->agents; }
  // Until the change log was read.
  void let_changes_come() {
    for (int second = 0; second < 3; ++second) {
      host_.advance(1);
      host_.fire_timers();
    }
  }
  static AttestedAgent attested(const std::string& serial) {
    return {.id = *SpiffeId::parse(kId),
            .attestation_type = "x509pop",
            .serial = serial,
            .expires_at = 2000,
            .can_reattest = true,
            .selectors = {{"x509pop", "b"}, {"x509pop", "a"}, {"x509pop", "b"}}};
  }

  testing::QuietHost host_;
  std::unique_ptr<Server> server_;
  AgentRecordsTest() { boot(); }
};

TEST_F(AgentRecordsTest, AnAttestedAgentIsThereAtOnceAndAfterARestart) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  for (int run = 0; run < 2; ++run) {
    const AgentPtr agent = agents().find(kId);
    ASSERT_NE(agent, nullptr);
    EXPECT_EQ(agent->body.attestation_type(), "x509pop");
    EXPECT_EQ(agent->body.serial_number(), "1");
    EXPECT_EQ(agent->body.expires_at(), 2000);
    EXPECT_TRUE(agent->body.can_reattest());
    EXPECT_EQ(agent->selectors(), (std::vector<std::string>{"x509pop:a", "x509pop:b"}));
    EXPECT_EQ(server_->entries.selectors_of[kId], agent->selectors());
    EXPECT_EQ(agents().count(), 1u);
    boot();
  }
}

TEST_F(AgentRecordsTest, AnotherAttestationKeepsTheTypeAndForgetsThePendingSvid) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  ASSERT_TRUE(agents().set_pending(kId, "2", 3000).ok());
  AttestedAgent again = attested("3");
  again.attestation_type = "other";
  again.selectors.clear();
  ASSERT_TRUE(agents().attested(again).ok());
  const AgentPtr agent = agents().find(kId);
  EXPECT_EQ(agent->body.attestation_type(), "x509pop");
  EXPECT_EQ(agent->body.serial_number(), "3");
  EXPECT_EQ(agent->body.new_serial_number(), "");
  EXPECT_TRUE(server_->entries.selectors_of[kId].empty());
}

TEST_F(AgentRecordsTest, APendingSvidCountsFromItsFirstUse) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  ASSERT_TRUE(agents().set_pending(kId, "2", 3000).ok());
  EXPECT_EQ(agents().find(kId)->body.serial_number(), "1");
  EXPECT_EQ(agents().find(kId)->body.new_serial_number(), "2");
  boot();  // a restart between the renewal and the first use
  EXPECT_EQ(agents().find(kId)->body.serial_number(), "1");
  ASSERT_TRUE(agents().promote(kId, "2").ok());
  for (int run = 0; run < 2; ++run) {
    const AgentPtr agent = agents().find(kId);
    EXPECT_EQ(agent->body.serial_number(), "2");
    EXPECT_EQ(agent->body.expires_at(), 3000);
    EXPECT_EQ(agent->body.new_serial_number(), "");
    EXPECT_EQ(agent->body.new_expires_at(), 0);
    boot();
  }
}

TEST_F(AgentRecordsTest, ALaterRenewalReplacesTheOneThatWaits) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  ASSERT_TRUE(agents().set_pending(kId, "2", 3000).ok());
  ASSERT_TRUE(agents().set_pending(kId, "3", 4000).ok());
  ASSERT_TRUE(agents().promote(kId, "2").ok());
  EXPECT_EQ(agents().find(kId)->body.serial_number(), "1") << "2 waits no longer";
  ASSERT_TRUE(agents().promote(kId, "3").ok());
  EXPECT_EQ(agents().find(kId)->body.serial_number(), "3");
}

TEST_F(AgentRecordsTest, ABanIsInForceAtOnceAndStays) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  ASSERT_TRUE(agents().set_pending(kId, "2", 3000).ok());
  ASSERT_TRUE(agents().ban(kId).ok());
  EXPECT_EQ(server_->revoked, std::vector<std::string>{kId});
  for (int run = 0; run < 2; ++run) {
    EXPECT_TRUE(agents().find(kId)->banned());
    EXPECT_EQ(agents().find(kId)->body.new_serial_number(), "");
    EXPECT_EQ(agents().attested(attested("9")).code(), Code::kPermissionDenied);
    EXPECT_EQ(agents().set_pending(kId, "9", 3000).code(), Code::kNotFound);
    boot();
  }
}

TEST_F(AgentRecordsTest, ARemovedAgentMayAttestAgain) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  ASSERT_TRUE(agents().remove(kId).ok());
  EXPECT_EQ(agents().find(kId), nullptr);
  EXPECT_EQ(server_->entries.selectors_of.count(kId), 0u);
  EXPECT_EQ(server_->revoked, std::vector<std::string>{kId});
  EXPECT_EQ(agents().remove(kId).code(), Code::kNotFound);
  ASSERT_TRUE(agents().attested(attested("2")).ok());
  EXPECT_EQ(agents().find(kId)->body.serial_number(), "2");
}

TEST_F(AgentRecordsTest, IsReadFromTheDatastoreWhenMemoryMayBeTooOld) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  Server other(host_);
  ASSERT_TRUE(other.agents.ban(kId).ok());
  EXPECT_FALSE(agents().find(kId)->banned()) << "the log was not read yet";
  host_.advance(2);
  EXPECT_TRUE((*agents().current(kId))->banned());
  EXPECT_EQ(*agents().current("spiffe://example.org/spire/agent/x"), nullptr);
  host_.store().away = true;
  EXPECT_FALSE((*agents().current(kId))->banned()) << "as far as memory knows";
  host_.advance(900);
  EXPECT_EQ(agents().current(kId).status().code(), Code::kUnavailable);
}

TEST_F(AgentRecordsTest, LoadingEverythingAnewEndsTheConnectionsOfTheRevoked) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  AttestedAgent second = attested("2");
  second.id = *SpiffeId::parse(kId + "b");
  ASSERT_TRUE(agents().attested(second).ok());
  Server other(host_);
  ASSERT_TRUE(other.agents.ban(kId).ok());
  ASSERT_TRUE(other.agents.remove(kId + "b").ok());
  host_.store().forget_log();
  let_changes_come();
  EXPECT_TRUE(agents().find(kId)->banned());
  EXPECT_EQ(agents().find(kId + "b"), nullptr);
  std::sort(server_->revoked.begin(), server_->revoked.end());
  EXPECT_EQ(server_->revoked, (std::vector<std::string>{kId, kId + "b"}));
}

TEST_F(AgentRecordsTest, PrunesWhatExpiredLongAgo) {
  const auto attest = [&](const std::string& name, std::int64_t expires_at, bool can_reattest) {
    AttestedAgent agent = attested("1");
    agent.id = *SpiffeId::parse(kId + name);
    agent.expires_at = expires_at;
    agent.can_reattest = can_reattest;
    EXPECT_TRUE(agents().attested(agent).ok());
  };
  const auto left = [&] {
    std::string names;
    for (const auto* stored : host_.store().all("agent")) names += stored->id.substr(kId.size());
    EXPECT_EQ(agents().count(), names.size()) << "memory has the same";
    return names;
  };
  attest("a", 1000, true);
  attest("b", 1000, true);
  attest("c", 1000, true);
  attest("d", 1000, false);
  attest("e", 2000, true);
  ASSERT_TRUE(agents().ban(kId + "a").ok());
  EXPECT_EQ(*agents().prune(1000, false, 10), 0u) << "not at its second";
  EXPECT_EQ(*agents().prune(1001, false, 1), 1u) << "a banned one stays, and costs no place";
  EXPECT_EQ(left(), "acde");
  EXPECT_EQ(*agents().prune(1001, false, 10), 1u);
  EXPECT_EQ(left(), "ade");
  EXPECT_EQ(*agents().prune(1001, true, 10), 1u);
  EXPECT_EQ(left(), "ae");
  EXPECT_EQ(*agents().prune(1001, true, 10), 0u);
}

TEST_F(AgentRecordsTest, PruningTakesTheEntryOfAJoinTokenWithIt) {
  AttestedAgent agent = attested("1");
  agent.attestation_type = "join_token";
  ASSERT_TRUE(agents().attested(agent).ok());
  auto tx = server_->store.write();
  Record alias;
  alias.kind = "entry";
  alias.id = "alias";
  alias.keys = {{"parent_id", kId}, {"selector", "spiffe_id:" + kId}};
  ASSERT_TRUE(tx->put(alias).ok());
  alias.id = "child";
  alias.keys = {{"parent_id", kId}, {"selector", "unix:uid:1"}};
  ASSERT_TRUE(tx->put(alias).ok());
  ASSERT_TRUE(tx->commit().ok());
  EXPECT_EQ(*agents().prune(3000, true, 10), 1u);
  EXPECT_EQ(host_.store().find("entry", "alias"), nullptr);
  EXPECT_NE(host_.store().find("entry", "child"), nullptr);
}

TEST_F(AgentRecordsTest, NobodyIsNotFound) {
  EXPECT_EQ(agents().ban("spiffe://example.org/spire/agent/x").code(), Code::kNotFound);
  EXPECT_EQ(agents().promote("spiffe://example.org/spire/agent/x", "1").code(), Code::kNotFound);
  EXPECT_EQ(agents().set_version("spiffe://example.org/spire/agent/x", "1").code(),
            Code::kNotFound);
}

TEST_F(AgentRecordsTest, NothingChangesInMemoryWhenTheStoreFails) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  host_.store().fail_commits = 1;
  EXPECT_FALSE(agents().ban(kId).ok());
  EXPECT_FALSE(agents().find(kId)->banned());
  EXPECT_TRUE(server_->revoked.empty());
}

TEST_F(AgentRecordsTest, AVersionThatIsKnownIsNotWritten) {
  ASSERT_TRUE(agents().attested(attested("1")).ok());
  ASSERT_TRUE(agents().set_version(kId, "1.15.3").ok());
  EXPECT_EQ(agents().find(kId)->body.agent_version(), "1.15.3");
  const std::uint64_t revision = host_.store().revision();
  ASSERT_TRUE(agents().set_version(kId, "1.15.3").ok());
  EXPECT_EQ(host_.store().revision(), revision);
}

TEST_F(AgentRecordsTest, HearsWhatAnotherServerDoes) {
  Server other(host_);
  ASSERT_TRUE(other.agents.attested(attested("1")).ok());
  let_changes_come();
  ASSERT_NE(agents().find(kId), nullptr);
  ASSERT_TRUE(other.agents.ban(kId).ok());
  let_changes_come();
  let_changes_come();
  EXPECT_TRUE(agents().find(kId)->banned());
  EXPECT_EQ(server_->revoked, std::vector<std::string>{kId});
}

}  // namespace
}  // namespace signet::server
