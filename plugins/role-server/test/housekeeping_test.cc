#include "housekeeping.h"

#include <gtest/gtest.h>

#include "authority_journal.h"
#include "entry_index.h"
#include "join_tokens.h"
#include "run_alone.h"
#include "server_fakes.h"

namespace signet::server {
namespace {

class HousekeepingTest : public ::testing::Test {
 protected:
  HousekeepingTest() {
    config_.prune_agents_expired_for = std::chrono::seconds(100);
    changes_.subscribe(&index_);
    changes_.subscribe(&agents_);
    EXPECT_TRUE(changes_.start().ok());
    EXPECT_TRUE(create_join_token(store_, "token", host_.now() - 1).ok());
    spire::api::types::Entry entry;
    entry.mutable_spiffe_id()->set_trust_domain("example.org");
    entry.mutable_spiffe_id()->set_path("/w");
    entry.mutable_parent_id()->set_trust_domain("example.org");
    entry.mutable_parent_id()->set_path("/host");
    entry.add_selectors()->set_type("unix");
    entry.mutable_selectors(0)->set_value("uid:1");
    entry.set_expires_at(host_.now() - 1);
    const Result<spire::api::types::Entry> wanted = entry;
    EXPECT_TRUE(entries_.create({&wanted, 1}).front().ok());
    EXPECT_TRUE(agents_
                    .attested({.id = *SpiffeId::parse("spiffe://example.org/spire/agent/x/1"),
                               .attestation_type = "x",
                               .serial = "1",
                               .expires_at = host_.now() - 101,
                               .can_reattest = true,
                               .selectors = {}})
                    .ok());
    put_journal("old", host_.now() - 15 * 24 * 3600);
    put_journal("young", host_.now() - 13 * 24 * 3600);
  }
  void put_journal(const std::string& id, std::int64_t not_after) {
    AuthorityJournal::Content content;
    content.add_x509()->set_not_after(not_after);
    content.add_jwt()->set_not_after(host_.now() - 20 * 24 * 3600);
    Record record;
    record.kind = "journal";
    record.id = id;
    record.body = content.SerializeAsString();
    auto tx = store_.write();
    ASSERT_TRUE(tx->put(record).ok());
    ASSERT_TRUE(tx->commit().ok());
  }
  // How many records there are of what can be pruned.
  std::size_t left() {
    std::size_t n = 0;
    for (const char* kind : {"entry", "agent", "join_token", "journal"}) {
      n += host_.store().all(kind).size();
    }
    return n;
  }

  testing::QuietHost host_;
  ServerConfig config_{*TrustDomain::parse("example.org")};
  Datastore store_ = *Datastore::acquire(host_.host());
  ChangeFollower changes_{host_.host(), store_};
  EntryIndex index_{host_.host(), config_.trust_domain};
  EntryStore entries_{host_.host(), store_, changes_, index_};
  AgentRecords agents_{host_.host(), store_, changes_, index_};
  Housekeeping housekeeping_{host_.host(), config_, store_, entries_, agents_};
};

TEST_F(HousekeepingTest, ItsTimersPruneWhatIsOver) {
  ASSERT_TRUE(housekeeping_.start().ok());
  EXPECT_EQ(left(), 5u);
  host_.fire_timers();
  EXPECT_EQ(left(), 1u);
  EXPECT_NE(host_.store().find("journal", "young"), nullptr);
  EXPECT_EQ(agents_.count(), 0u);
  EXPECT_EQ(index_.count(), 0u);
  housekeeping_.stop();
}

TEST_F(HousekeepingTest, WhatAnotherServerIsDoingIsLeftToIt) {
  host_.store().claimed_elsewhere = {"prune/entries", "prune/join_tokens", "prune/agents",
                                     "prune/journals"};
  ASSERT_TRUE(housekeeping_.start().ok());
  host_.fire_timers();
  EXPECT_EQ(left(), 5u);
  host_.store().claimed_elsewhere.clear();  // it is done, or gone
  host_.fire_timers();
  EXPECT_EQ(left(), 1u);
  housekeeping_.stop();
}

TEST_F(HousekeepingTest, AgentsStayUnlessTheSettingsSayOtherwise) {
  config_.prune_agents_expired_for.reset();
  ASSERT_TRUE(housekeeping_.start().ok());
  host_.fire_timers();
  EXPECT_EQ(agents_.count(), 1u);
  config_.prune_agents_expired_for = std::chrono::seconds(101);
  housekeeping_.prune_agents();
  EXPECT_EQ(agents_.count(), 1u) << "not expired for longer than that";
  housekeeping_.stop();
}

TEST_F(HousekeepingTest, OneJobsTroubleDoesNotHoldBackTheNext) {
  host_.store().fail_commits = 1;
  housekeeping_.tidy();
  EXPECT_EQ(left(), 4u) << "the tokens went";
  housekeeping_.tidy();
  EXPECT_EQ(left(), 3u);
}

TEST_F(HousekeepingTest, RunAloneTellsWhetherItRan) {
  int runs = 0;
  const auto work = [&]() -> Status {
    ++runs;
    return {};
  };
  EXPECT_TRUE(*run_alone(store_, "job", work));
  host_.store().claimed_elsewhere = {"job"};
  EXPECT_FALSE(*run_alone(store_, "job", work));
  EXPECT_EQ(runs, 1);
  host_.store().away = true;
  EXPECT_EQ(run_alone(store_, "job", work).status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::server
