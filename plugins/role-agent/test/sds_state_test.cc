// StreamSecrets, state of the world: what is sent when, and which requests count.
#include <gtest/gtest.h>

#include "sds_client.h"

namespace signet::agent::test {
namespace {

using std::chrono::seconds;

void held(AgentConfig& config) { config.hold = seconds(5); }

using SdsState = SdsTest;

TEST_F(SdsState, TheFirstRequestIsAnswered) {
  SdsClient envoy(rig, {"default"});
  EXPECT_EQ(envoy.call->count(), 1u);
  EXPECT_EQ(envoy.names(), Names{"default"});
  EXPECT_EQ(envoy.version(), "1");
  EXPECT_EQ(envoy.last().nonce().size(), 8u);
  EXPECT_EQ(envoy.last().type_url(), kSecretType);
  EXPECT_FALSE(envoy.call->over());
}

TEST_F(SdsState, AnAckIsNotAnswered) {
  SdsClient envoy(rig, {"default"});
  envoy.ack();
  envoy.ack();
  EXPECT_EQ(envoy.call->count(), 1u);
}

TEST_F(SdsState, ANackIsNotAnsweredUntilSomethingChanges) {
  SdsClient envoy(rig, {"default"});
  for (int i = 0; i < 3; ++i) envoy.nack();
  rig.tick();
  EXPECT_EQ(envoy.call->count(), 1u);
  reissue();
  EXPECT_EQ(envoy.call->count(), 2u);
  EXPECT_EQ(envoy.version(), "2");
}

TEST_F(SdsState, AReplyToAnOlderAnswerIsIgnoredWithItsNames) {
  SdsClient envoy(rig, {"default"});
  envoy.stale({"ROOTCA"});
  EXPECT_EQ(envoy.call->count(), 1u);
  reissue();
  EXPECT_EQ(envoy.names(), Names{"default"});
}

TEST_F(SdsState, OtherNamesAreAnsweredUnderTheSameVersion) {
  SdsClient envoy(rig, {"default"});
  const std::string nonce = envoy.last().nonce();
  envoy.ack({"default", "ROOTCA"});
  EXPECT_EQ(envoy.names(), (Names{"ROOTCA", "default"}));
  EXPECT_EQ(envoy.version(), "1");
  EXPECT_NE(envoy.last().nonce(), nonce);
  envoy.ack({"ROOTCA"});  // fewer
  EXPECT_EQ(envoy.names(), Names{"ROOTCA"});
  envoy.name({kTd});  // and a NACK may bring others too
  envoy.nack();
  EXPECT_EQ(envoy.names(), Names{kTd});
  EXPECT_EQ(envoy.call->count(), 4u);
  envoy.ack({kTd, kTd, ""});  // the same in other words
  EXPECT_EQ(envoy.call->count(), 4u);
}

TEST_F(SdsState, WithoutANodeTheLastOneCounts) {
  Request first = sds_request({"ROOTCA"});
  auto* version = first.mutable_node()->mutable_user_agent_build_version()->mutable_version();
  version->set_major_number(1);
  version->set_minor_number(10);
  SdsClient envoy(rig, first);
  envoy.ack({kTd});
  EXPECT_TRUE(secret_of(envoy.last().resources(0)).validation_context().has_trusted_ca());
}

TEST_F(SdsState, HalfCloseEndsItWell) {
  SdsClient envoy(rig, {"default"});
  envoy.call->half_close();
  rig.host.run();
  EXPECT_TRUE(envoy.call->over());
  EXPECT_EQ(envoy.call->code(), Code::kOk);
}

TEST_F(SdsState, ARotationIsSentToThoseItIsAbout) {
  SdsClient svid(rig, {"default"});
  SdsClient other(rig, {kTd + "/api"});
  SdsClient bundle(rig, {"ROOTCA"});
  const std::string before = svid.last().resources(0).value();
  reissue();
  EXPECT_EQ(svid.call->count(), 2u);
  EXPECT_NE(svid.last().resources(0).value(), before);
  EXPECT_EQ(other.call->count(), 1u);
  EXPECT_EQ(bundle.call->count(), 1u);
  rig.server.rotate_with_taint();
  rig.tick();
  EXPECT_EQ(bundle.call->count(), 2u);
}

TEST_F(SdsState, AReaderThatLagsGetsTheLatestAlone) {
  SdsClient envoy(rig, {"default"});
  envoy.call->stop_reading();
  for (int i = 0; i < 5; ++i) reissue();
  EXPECT_EQ(envoy.call->count(), 1u);
  envoy.call->read_on();
  rig.host.run();
  EXPECT_EQ(envoy.call->count(), 2u);
  SdsClient now(rig, {"default"});
  EXPECT_EQ(envoy.last().resources(0).value(), now.last().resources(0).value());
  envoy.ack();
  EXPECT_EQ(envoy.call->count(), 2u);
}

TEST_F(SdsState, OtherNamesWhileTheReaderLagsAreNotForgotten) {
  SdsClient envoy(rig, {"default"});
  envoy.call->stop_reading();
  envoy.ack({"ROOTCA"});
  envoy.ack({kTd});
  EXPECT_EQ(envoy.call->count(), 1u);
  envoy.call->read_on();
  rig.host.run();
  EXPECT_EQ(envoy.call->count(), 2u);
  EXPECT_EQ(envoy.names(), Names{kTd});
}

TEST_F(SdsState, AnIdentityThatGoesEndsTheStreamsThatAskForIt) {
  SdsClient gone(rig, {kTd + "/web"});
  SdsClient first(rig, {"default"});
  SdsClient bundle(rig, {"ROOTCA"});
  SdsClient all(rig, Names{});
  rig.server.entries.erase("1");
  rig.tick();
  EXPECT_EQ(gone.call->code(), Code::kInvalidArgument);
  EXPECT_EQ(
      gone.call->words(),
      "workload is not authorized for the requested identities [\"spiffe://example.org/web\"]");
  EXPECT_EQ(first.call->count(), 2u);  // another one is the first now
  EXPECT_FALSE(bundle.call->over());
  EXPECT_EQ(all.names(), (Names{kTd, kTd + "/api"}));
  rig.server.entries.erase("2");
  rig.tick();
  EXPECT_EQ(first.call->code(), Code::kInvalidArgument);
  EXPECT_FALSE(bundle.call->over());
  EXPECT_EQ(all.names(), Names{kTd});
}

TEST_F(SdsState, NothingExpiredIsSent) {
  SdsClient envoy(rig, {"default"});
  SdsClient bundle(rig, {"ROOTCA"});
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(rig.server.x509_ttl + seconds(10));
  EXPECT_FALSE(envoy.call->over());
  EXPECT_EQ(envoy.call->count(), 1u);
  SdsClient late(rig, {"default"});
  EXPECT_EQ(late.call->code(), Code::kUnavailable);
  SdsClient late_bundle(rig, {"ROOTCA"});
  EXPECT_EQ(late_bundle.call->count(), 1u);
}

TEST_F(SdsState, TheAgentsEndIsUnavailable) {
  SdsClient envoy(rig, {"default"});
  DeltaClient delta(rig, {"default"});
  rig.endpoint->stop(seconds(1));
  rig.rpc.run();
  EXPECT_EQ(envoy.call->code(), Code::kUnavailable);
  EXPECT_EQ(delta.call->code(), Code::kUnavailable);
}

TEST(SdsMinting, TheFirstAnswerWaitsForSvidsItIsAbout) {
  Rig rig;
  rig.server.add(entry("1", "/web", {"unix:uid:0"}));
  rig.server.add(entry("2", "/api", {"unix:uid:0"}));
  rig.server.refuse.insert("1");
  rig.start();
  SdsClient first(rig, {"default"});
  SdsClient web(rig, {kTd + "/web"});
  SdsClient all(rig, Names{});
  SdsClient api(rig, {kTd + "/api", "ROOTCA"});  // all of it is there
  for (const SdsClient* envoy : {&first, &web, &all}) {
    EXPECT_EQ(envoy->call->count(), 0u);
    EXPECT_FALSE(envoy->call->over());
  }
  EXPECT_EQ(api.call->count(), 1u);
  rig.server.refuse.clear();
  rig.host.advance(std::chrono::minutes(1));
  for (const SdsClient* envoy : {&first, &web, &all}) EXPECT_EQ(envoy->call->count(), 1u);
  EXPECT_EQ(all.names(), (Names{kTd, kTd + "/web", kTd + "/api"}));
}

TEST(SdsMinting, AnSvidThatIsNotMadeDoesNotHoldUpTheOthers) {
  Rig rig;
  rig.server.add(entry("1", "/web", {"unix:uid:0"}));
  rig.server.add(entry("2", "/api", {"unix:uid:0"}));
  rig.start();
  SdsClient envoy(rig, {kTd + "/web", kTd + "/api"});
  rig.server.add(entry("3", "/new", {"unix:uid:0"}));
  rig.server.refuse.insert("3");
  envoy.ack({kTd + "/web", kTd + "/new"});
  EXPECT_EQ(envoy.call->code(), Code::kInvalidArgument) << "the agent has not heard of it";
  rig.tick();
  SdsClient later(rig, {kTd + "/web"});
  later.ack({kTd + "/web", kTd + "/new"});
  EXPECT_EQ(later.names(), Names{kTd + "/web"});
  rig.server.refuse.clear();
  rig.host.advance(std::chrono::minutes(1));
  EXPECT_EQ(later.names(), (Names{kTd + "/web", kTd + "/new"}));
}

// ---- callers that come too early

TEST(SdsHold, ACallerWithoutAnEntryWaitsForOne) {
  Rig rig(held);
  rig.start();
  SdsClient envoy(rig, {"default"});
  SdsClient bundle(rig, {"ROOTCA"});
  const auto fetch = rig.call(std::string(kSdsPrefix) + "FetchSecrets",
                              sds_request({"default"}).SerializeAsString(), {});
  EXPECT_EQ(bundle.call->count(), 1u) << "anybody may have it, at once";
  EXPECT_FALSE(envoy.call->over());
  EXPECT_EQ(rig.hold->count(), 2u);
  rig.server.add(entry("1", "/web", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(envoy.names(), Names{"default"});
  EXPECT_EQ(names_in(fetch->last<Response>()), Names{"default"});
  EXPECT_EQ(rig.hold->count(), 0u);
}

TEST(SdsHold, IsRefusedWhenThereIsSurelyNone) {
  Rig rig(held);
  rig.server.federate("a.org");
  rig.server.add(entry("1", "/other", {"unix:uid:7"})).add_federates_with("a.org");
  rig.start();
  const SdsClient first(rig, {"default"});
  const SdsClient named(rig, {kTd + "/other", "ROOTCA"});
  const SdsClient federated(rig, {"spiffe://a.org"});
  SdsClient all(rig, Names{});
  const auto fetch = rig.call(std::string(kSdsPrefix) + "FetchSecrets",
                              sds_request({"default"}).SerializeAsString(), {});
  rig.host.advance(seconds(4));
  EXPECT_FALSE(first.call->over());
  rig.host.advance(seconds(7));
  for (const auto* call : {&first.call, &named.call, &federated.call, &fetch}) {
    EXPECT_EQ((*call)->code(), Code::kPermissionDenied);
    EXPECT_EQ((*call)->words(), "no identity issued");
  }
  EXPECT_EQ(all.names(), Names{kTd});
  all.ack({"default"});  // it has waited
  EXPECT_EQ(all.call->code(), Code::kPermissionDenied);
}

TEST(SdsHold, WhoHasAnEntryIsToldWhichNamesAreNotItsOwnAtOnce) {
  Rig rig(held);
  rig.server.add(entry("1", "/web", {"unix:uid:0"}));
  rig.start();
  SdsClient envoy(rig, {"default", kTd + "/other"});
  EXPECT_EQ(envoy.call->code(), Code::kInvalidArgument);
  EXPECT_EQ(envoy.call->words(),
            "workload is not authorized for the requested identities "
            "[\"spiffe://example.org/other\"]");
}

TEST(SdsHold, WhoseEntryComesMeanwhileIsToldWhichNamesAreNotItsOwn) {
  Rig rig(held);
  rig.start();
  SdsClient envoy(rig, {kTd + "/other"});
  rig.server.add(entry("1", "/web", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(envoy.call->code(), Code::kInvalidArgument);
}

TEST(SdsHold, IsToldToTryAgainWhenTheServerCannotBeAsked) {
  Rig rig(held);
  rig.start();
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(seconds(1));
  SdsClient envoy(rig, {"default"});
  DeltaClient delta(rig, {"default"});
  rig.host.advance(seconds(11));
  EXPECT_EQ(envoy.call->code(), Code::kUnavailable);
  EXPECT_EQ(delta.call->code(), Code::kUnavailable);
}

TEST(SdsHold, WhoLostAnIdentityIsNotHeld) {
  Rig rig(held);
  rig.server.add(entry("1", "/web", {"unix:uid:0"}));
  rig.start();
  SdsClient envoy(rig, {"default"});
  rig.server.entries.clear();
  rig.tick();
  EXPECT_EQ(envoy.call->code(), Code::kInvalidArgument);
}

TEST(SdsHold, WhoAsksForLessMeanwhileIsServed) {
  Rig rig(held);
  rig.start();
  SdsClient envoy(rig, {"default"});
  envoy.ack({"ROOTCA"});
  EXPECT_EQ(envoy.names(), Names{"ROOTCA"});
  rig.host.advance(seconds(11));
  EXPECT_FALSE(envoy.call->over());
}

}  // namespace
}  // namespace signet::agent::test
