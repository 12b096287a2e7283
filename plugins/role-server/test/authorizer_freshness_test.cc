// What the authorizer decides by: a live memory, the datastore, an older memory, or nothing.
#include "authorizer_rig.h"

namespace signet::server {
namespace {

TEST_F(AuthorizerTest, ALiveMemoryAsksNobody) {
  EXPECT_EQ(answer(), "OK");
  EXPECT_FALSE(asked_);
  host_.store().away = true;
  host_.advance(1);
  EXPECT_EQ(answer(), "OK");
  EXPECT_FALSE(asked_);
}

TEST_F(AuthorizerTest, AMemoryThatMayBeTooOldIsNotBelieved) {
  OtherServer other(*this);
  ASSERT_TRUE(other.agents.ban(kAgentId).ok());
  host_.advance(2);  // as when the log is not read
  EXPECT_EQ(answer(), "AGENT_BANNED");
  ASSERT_TRUE(other.agents.remove(kAgentId).ok());
  EXPECT_EQ(answer(), "AGENT_NOT_ATTESTED");
  entries_.privileges_of.clear();
  entries_.privileges_of[kAdminEntryId].admin = true;
  Caller admin = network(kAdminEntryId);
  EXPECT_EQ(authorize("/spire.api.server.entry.v1.Entry/GetEntry", admin).code(),
            Code::kPermissionDenied)
      << "its entry is gone";
}

TEST_F(AuthorizerTest, WhatAnotherServerAllowedAMomentAgoIsAllowed) {
  OtherServer other(*this);
  ASSERT_TRUE(other.agents.set_pending(kAgentId, "2", host_.now() + 7200).ok());
  EXPECT_EQ(answer("2"), "OK") << "renewed there";
  EXPECT_TRUE(asked_);
  ASSERT_TRUE(other.agents.remove(kAgentId).ok());
  ASSERT_TRUE(other.agents
                  .attested({.id = *SpiffeId::parse(kAgentId),
                             .attestation_type = "x509pop",
                             .serial = "3",
                             .expires_at = host_.now() + 3600,
                             .can_reattest = false,
                             .selectors = {}})
                  .ok());
  EXPECT_EQ(answer("3"), "OK") << "attested there";
}

TEST_F(AuthorizerTest, EntriesOfTheDatastoreAllowUntilTheirSecond) {
  const auto may = [&](const std::string& method) {
    Caller caller = network(kWorkloadId);
    const Status status = authorize("/spire.api.server." + method, caller);
    EXPECT_EQ(caller.downstream_entry != nullptr, status.ok() && method.ends_with("CA"));
    return status.ok();
  };
  put_entry(kWorkloadId, "admin", host_.now() + 1);
  put_entry(kWorkloadId, "downstream", host_.now() + 2);
  EXPECT_TRUE(may("entry.v1.Entry/GetEntry"));
  EXPECT_TRUE(may("svid.v1.SVID/NewDownstreamX509CA"));
  host_.advance(1);
  EXPECT_FALSE(may("entry.v1.Entry/GetEntry"));
  EXPECT_TRUE(may("svid.v1.SVID/NewDownstreamX509CA"));
  host_.advance(1);
  EXPECT_FALSE(may("svid.v1.SVID/NewDownstreamX509CA"));
}

TEST_F(AuthorizerTest, WhileTheDatastoreIsAwayMemoryAllowsForAsLongAsItMay) {
  ASSERT_TRUE(agents_->set_pending(kAgentId, "2", host_.now() + 7200).ok());
  host_.store().away = true;
  pass(2);
  EXPECT_EQ(answer(), "OK");
  EXPECT_EQ(answer("2"), "OK");
  EXPECT_EQ(answer("9"), "UNAVAILABLE") << "another server may have renewed it";
  Caller stranger = network("spiffe://example.org/spire/agent/x509pop/stranger");
  EXPECT_EQ(authorize("/spire.api.server.svid.v1.SVID/NewJWTSVID", stranger).code(),
            Code::kUnavailable);
  Caller admin = network(kAdminEntryId);
  EXPECT_TRUE(authorize("/spire.api.server.entry.v1.Entry/GetEntry", admin).ok());
  pass(898);
  EXPECT_EQ(answer(), "OK") << "15 minutes";
  pass(1);
  EXPECT_EQ(answer(), "UNAVAILABLE");
  Caller anybody = anonymous();
  EXPECT_TRUE(authorize("/spire.api.server.bundle.v1.Bundle/GetBundle", anybody).ok());
  Caller by_config = network(kAdminId);
  EXPECT_TRUE(authorize("/spire.api.server.entry.v1.Entry/GetEntry", by_config).ok());
  host_.store().away = false;
  pass(1);
  EXPECT_EQ(answer(), "OK");
  EXPECT_FALSE(asked_);
}

TEST_F(AuthorizerTest, ABanThatMemoryKnowsHoldsWithoutTheDatastore) {
  ASSERT_TRUE(agents_->ban(kAgentId).ok());
  host_.store().away = true;
  pass(2);
  EXPECT_EQ(answer(), "AGENT_BANNED");
}

TEST_F(AuthorizerTest, WithoutOfflineIssuanceNothingIsServedFromAnOldMemory) {
  restart(std::chrono::seconds(0));
  EXPECT_EQ(answer(), "OK");
  host_.store().away = true;
  pass(2);
  EXPECT_EQ(answer(), "UNAVAILABLE");
  host_.store().away = false;
  EXPECT_EQ(answer(), "UNAVAILABLE") << "nobody has asked it since";
  pass(1);
  EXPECT_EQ(answer(), "OK");
}

}  // namespace
}  // namespace signet::server
