// DeltaSecrets: subscriptions, versions, removals.
#include <gtest/gtest.h>

#include "sds_client.h"

namespace signet::agent::test {
namespace {

using std::chrono::seconds;

using SdsDelta = SdsTest;

TEST_F(SdsDelta, WhatIsSubscribedIsSent) {
  DeltaClient envoy(rig, {"default", "ROOTCA"});
  EXPECT_EQ(envoy.names(), (Names{"ROOTCA", "default"}));
  EXPECT_EQ(envoy.last().type_url(), kSecretType);
  EXPECT_EQ(envoy.last().nonce().size(), 8u);
  EXPECT_EQ(envoy.version_of("default").size(), 32u);
  envoy.ack();
  EXPECT_EQ(envoy.call->count(), 1u);
  envoy.change({kTd}, {});
  EXPECT_EQ(envoy.names(), Names{kTd});
  EXPECT_EQ(envoy.call->count(), 2u);
}

TEST_F(SdsDelta, OnlyWhatChangedIsSent) {
  DeltaClient envoy(rig, {"default", "ROOTCA", kTd + "/api"});
  const std::string before = envoy.version_of("default");
  reissue();
  EXPECT_EQ(envoy.names(), Names{"default"});
  EXPECT_NE(envoy.version_of("default"), before);
  EXPECT_EQ(envoy.call->count(), 2u);
}

TEST_F(SdsDelta, WhatIsUnsubscribedIsNot) {
  DeltaClient envoy(rig, {"default", "ROOTCA"});
  envoy.change({}, {"default"});
  reissue();
  EXPECT_EQ(envoy.call->count(), 1u);
  envoy.change({"default"}, {});
  EXPECT_EQ(envoy.names(), Names{"default"});
}

TEST_F(SdsDelta, SubscribingAgainSendsItAgain) {
  DeltaClient envoy(rig, {"default", "ROOTCA"});
  envoy.change({"ROOTCA"}, {});
  EXPECT_EQ(envoy.call->count(), 2u);
  EXPECT_EQ(envoy.names(), Names{"ROOTCA"});
}

TEST_F(SdsDelta, ANackIsNotAnsweredUntilSomethingChanges) {
  DeltaClient envoy(rig, {"default"});
  for (int i = 0; i < 3; ++i) envoy.nack();
  rig.tick();
  EXPECT_EQ(envoy.call->count(), 1u);
  reissue();
  EXPECT_EQ(envoy.call->count(), 2u);
}

TEST_F(SdsDelta, ASubscriptionCountsWhateverItsNonce) {
  DeltaClient envoy(rig, {"default"});
  DeltaRequest request;
  request.add_resource_names_subscribe("ROOTCA");
  request.set_response_nonce("0000");
  envoy.call->send(request.SerializeAsString());
  EXPECT_EQ(envoy.names(), Names{"ROOTCA"});
}

TEST_F(SdsDelta, AfterANewConnectionOnlyWhatChangedIsSent) {
  std::map<std::string, std::string> has;
  {
    DeltaClient envoy(rig, {"default", "ROOTCA"});
    for (const char* name : {"default", "ROOTCA"}) has[name] = envoy.version_of(name);
  }
  DeltaClient same(rig, {"default", "ROOTCA"}, has);
  EXPECT_EQ(same.call->count(), 0u);
  reissue();
  EXPECT_EQ(same.names(), Names{"default"});
  DeltaClient late(rig, {"default", "ROOTCA"}, has);
  EXPECT_EQ(late.names(), Names{"default"});
  has["spiffe://example.org/gone"] = "1";  // not asked for: not told
  has[kTd + "/nobody"] = "1";
  DeltaClient less(rig, {"ROOTCA", kTd + "/nobody"}, has);
  EXPECT_EQ(less.names(), Names{});
  EXPECT_EQ(less.removed(), Names{kTd + "/nobody"});
}

TEST_F(SdsDelta, WhoHasEverythingStaysWhenItExpires) {
  DeltaClient first(rig, {"default"});
  DeltaClient again(rig, {"default"}, {{"default", first.version_of("default")}});
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(rig.server.x509_ttl + seconds(10));
  EXPECT_FALSE(again.call->over());
  EXPECT_EQ(again.call->count(), 0u);
}

TEST_F(SdsDelta, WhatDoesNotExistIsRemovedUntilItDoes) {
  DeltaClient envoy(rig, {"ROOTCA", kTd + "/new"});
  EXPECT_EQ(envoy.names(), Names{"ROOTCA"});
  EXPECT_EQ(envoy.removed(), Names{kTd + "/new"});
  envoy.ack();
  reissue();
  EXPECT_EQ(envoy.call->count(), 1u) << "told once";
  rig.server.add(entry("3", "/new", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(envoy.names(), Names{kTd + "/new"});
}

TEST_F(SdsDelta, AnIdentityThatGoesIsRemovedAndTheStreamGoesOn) {
  DeltaClient envoy(rig, {kTd + "/web", "default", "ROOTCA"});
  rig.server.entries.erase("1");
  rig.tick();
  EXPECT_EQ(envoy.names(), Names{"default"});  // another one is the first now
  EXPECT_EQ(envoy.removed(), Names{kTd + "/web"});
  rig.server.entries.clear();
  rig.tick();
  EXPECT_EQ(envoy.names(), Names{});
  EXPECT_EQ(envoy.removed(), Names{"default"});
  rig.server.add(entry("1", "/web", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(envoy.names(), (Names{"default", kTd + "/web"}));
  EXPECT_FALSE(envoy.call->over());
}

TEST_F(SdsDelta, WithoutNamesItIsAboutEverything) {
  for (const Names& names : {Names{}, Names{"*"}}) {
    DeltaClient envoy(rig, names);
    EXPECT_EQ(envoy.names(), (Names{kTd, kTd + "/web", kTd + "/api"}));
  }
  DeltaClient envoy(rig, {"*", "default"});
  EXPECT_EQ(envoy.names(), (Names{kTd, "default", kTd + "/web", kTd + "/api"}));
  rig.server.entries.erase("2");
  rig.tick();
  EXPECT_EQ(envoy.removed(), Names{kTd + "/api"});
  envoy.change({}, {"*"});
  rig.server.add(entry("2", "/api", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(envoy.call->count(), 2u);
  reissue();
  EXPECT_EQ(envoy.names(), Names{"default"});
}

TEST_F(SdsDelta, AReaderThatLagsGetsTheLatestAlone) {
  DeltaClient envoy(rig, {"default"});
  envoy.call->stop_reading();
  for (int i = 0; i < 5; ++i) reissue();
  envoy.change({"ROOTCA"}, {});
  EXPECT_EQ(envoy.call->count(), 1u);
  envoy.call->read_on();
  rig.host.run();
  EXPECT_EQ(envoy.call->count(), 2u);
  EXPECT_EQ(envoy.names(), (Names{"ROOTCA", "default"}));
}

TEST_F(SdsDelta, NamesAreBoundedOverAllRequests) {
  DeltaClient envoy(rig, {"default"});
  Names many;
  for (int i = 0; i < 600; ++i) many.push_back("n" + std::to_string(i));
  envoy.change(many, {});
  EXPECT_FALSE(envoy.call->over());
  envoy.change({}, many);
  for (std::string& name : many) name += "x";
  envoy.change(many, {});
  EXPECT_FALSE(envoy.call->over());
  for (std::string& name : many) name += "x";
  envoy.change(many, {});
  EXPECT_EQ(envoy.call->code(), Code::kInvalidArgument);
  EXPECT_EQ(envoy.call->words(), "more than 1024 resource names");
  std::map<std::string, std::string> has;
  for (int i = 0; i < 1025; ++i) has["n" + std::to_string(i)] = "1";
  EXPECT_EQ(DeltaClient(rig, {}, has).call->code(), Code::kInvalidArgument);
  EXPECT_EQ(DeltaClient(rig, {"a"}, {{"a", std::string(3000, '1')}}).call->code(),
            Code::kInvalidArgument);
}

TEST_F(SdsDelta, HalfCloseEndsItWell) {
  DeltaClient envoy(rig, {"default"});
  envoy.call->half_close();
  rig.host.run();
  EXPECT_TRUE(envoy.call->over());
  EXPECT_EQ(envoy.call->code(), Code::kOk);
}

TEST(SdsDeltaHold, AHeldCallerIsServedOrToldThatThereIsNone) {
  Rig rig([](AgentConfig& config) { config.hold = seconds(5); });
  rig.start();
  DeltaClient envoy(rig, {"default", "ROOTCA"});
  EXPECT_EQ(envoy.call->count(), 0u);
  rig.host.advance(seconds(11));
  EXPECT_EQ(envoy.names(), Names{"ROOTCA"});
  EXPECT_EQ(envoy.removed(), Names{"default"});
  rig.server.add(entry("1", "/web", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(envoy.names(), Names{"default"});
}

}  // namespace
}  // namespace signet::agent::test
