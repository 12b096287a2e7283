// Who calls: the order of the checks, what several attestors find, and the process behind a call.
#include <gtest/gtest.h>

#include "caller_process.h"
#include "child.h"
#include "grpc/health/v1/health.pb.h"
#include "rig.h"

namespace signet::agent::test {
namespace {

using std::chrono::seconds;

TEST(WorkloadCaller, TheHeaderIsLookedAtBeforeTheCaller) {
  Rig rig;
  rig.start();
  rig.host.selectors.reset();
  EXPECT_EQ(rig.call("FetchX509SVID", "", {})->code(), Code::kInvalidArgument);
  EXPECT_EQ(rig.call("FetchX509SVID")->code(), Code::kUnavailable);
}

TEST(WorkloadCaller, HealthAndReflectionNeedNoHeader) {
  Rig rig;
  rig.start();
  EXPECT_EQ(rig.call("/grpc.health.v1.Health/Check", "", {})->code(), Code::kOk);
  for (const char* version : {"v1", "v1alpha"}) {
    const auto call = rig.rpc.open(
        std::string("/grpc.reflection.") + version + ".ServerReflection/ServerReflectionInfo",
        "\x3a\x01*");  // list_services
    ASSERT_EQ(call->count(), 1u) << version;
    EXPECT_NE(call->messages()[0].find("SpiffeWorkloadAPI"), std::string::npos);
    EXPECT_FALSE(call->over());
    call->half_close();
    EXPECT_EQ(call->code(), Code::kOk);
  }
}

// As SPIRE's, which asks itself for an X509-SVID: no identity is healthy, no attestation is not.
TEST(WorkloadCaller, IsHealthyWhileCallersCanBeAttested) {
  namespace health = ::grpc::health::v1;
  Rig rig;
  rig.start();
  const auto status = [&] {
    const auto call = rig.call("/grpc.health.v1.Health/Check", "", {});
    health::HealthCheckResponse response;
    EXPECT_EQ(call->code(), Code::kOk);
    EXPECT_TRUE(response.ParseFromString(call->messages().at(0)));
    return response.status();
  };
  EXPECT_EQ(status(), health::HealthCheckResponse::SERVING);
  rig.host.advance(std::chrono::seconds(2));  // the attestation is forgotten
  rig.host.selectors.reset();
  EXPECT_EQ(status(), health::HealthCheckResponse::NOT_SERVING);
  rig.host.selectors = std::vector<std::string>{};
  EXPECT_EQ(status(), health::HealthCheckResponse::SERVING);
}

TEST(WorkloadCaller, WhatHealthHasBesidesCheckIsRefusedInSpiresWords) {
  Rig rig;
  rig.start();
  for (const std::string method : {"List", "Watch"}) {
    const auto call = rig.call("/grpc.health.v1.Health/" + method, "", {});
    EXPECT_EQ(call->code(), Code::kUnimplemented);
    EXPECT_EQ(call->words(), "method " + method + " not implemented");
  }
}

TEST(WorkloadCaller, ARequestIsLookedAtBeforeTheCaller) {
  Rig rig;
  rig.start();
  rig.host.selectors.reset();
  EXPECT_EQ(rig.fetch_jwt({})->code(), Code::kInvalidArgument);
  EXPECT_EQ(rig.fetch_jwt({"a"}, "not an ID")->code(), Code::kInvalidArgument);
  EXPECT_EQ(rig.validate("", "t")->code(), Code::kInvalidArgument);
  for (const auto& call : {rig.fetch_jwt({"a"}), rig.validate("a", "t")}) {
    EXPECT_EQ(call->code(), Code::kUnavailable);
    EXPECT_EQ(call->words(), "workload attestation failed");
  }
}

TEST(WorkloadCaller, WithoutSelectorsItHasNoIdentity) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  rig.host.selectors = std::vector<std::string>{};
  for (const char* method : {"FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"})
    EXPECT_EQ(rig.call(method)->words(), "no identity issued");
}

TEST(WorkloadCaller, SelectorsOfSeveralAttestorsAreJoinedAndOneThatFailsIsLeftOut) {
  Rig rig;
  TestHost::Found pods = std::vector<std::string>{"ns:shop"};
  rig.host.add_attestor("k8s", pods);
  rig.server.add(entry("1", "/both", {"unix:uid:0", "k8s:ns:shop"}));
  rig.server.add(entry("2", "/unix", {"unix:uid:0"}));
  rig.server.add(entry("3", "/pod", {"k8s:ns:shop"}));
  rig.start();
  const auto ids = [&] {
    rig.host.advance(seconds(2));  // nothing is remembered
    const auto call = rig.x509();
    std::set<std::string> out;
    const auto response = call->last<::X509SVIDResponse>();
    for (const auto& svid : response.svids()) out.insert(svid.spiffe_id().substr(21));
    return call->over() ? std::set<std::string>{call->words()} : out;
  };
  EXPECT_EQ(ids(), (std::set<std::string>{"both", "unix", "pod"}));
  pods.reset();
  EXPECT_EQ(ids(), (std::set<std::string>{"unix"}));
  rig.host.selectors.reset();
  EXPECT_EQ(ids(), (std::set<std::string>{"workload attestation failed"}));
  pods = std::vector<std::string>{"ns:shop"};
  EXPECT_EQ(ids(), (std::set<std::string>{"pod"}));
}

TEST(WorkloadCaller, AnUncertainCallerIsRefused) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  fakes::LocalCaller stranger;
  stranger.tls = true;  // no process stands behind it
  const auto call = rig.rpc.call("/SpiffeWorkloadAPI/FetchX509SVID", "",
                                 {{"workload.spiffe.io", "true"}}, stranger);
  EXPECT_EQ(call->code(), Code::kUnavailable);
  EXPECT_EQ(call->words(), "workload attestation failed");
}

// ---- the process behind a call

TEST(CallerProcess, IsAliveAsLongAsTheProcessIs) {
  Child child;
  const auto caller = CallerProcess::pin(child.peer());
  ASSERT_TRUE(caller.ok());
  EXPECT_TRUE((*caller)->alive());
  child.end();
  EXPECT_FALSE((*caller)->alive());
  EXPECT_FALSE(CallerProcess::pin(child.peer()).ok());
}

TEST(CallerProcess, IsNoticedGoneWithoutAProcessDescriptorToo) {
  Child child;
  child.peer().pidfd = -1;
  const auto caller = CallerProcess::pin(child.peer());
  ASSERT_TRUE(caller.ok());
  child.end();
  EXPECT_FALSE((*caller)->alive());
}

TEST(CallerProcess, AnotherProcessUnderTheSameNumberIsRefused) {
  Child child;
  ++child.peer().start_time;
  EXPECT_FALSE(CallerProcess::pin(child.peer()).ok());
}

TEST(CallerProcess, AProcessThatSomebodyNamesIsPinnedTheSame) {
  Child child;
  const auto named = CallerProcess::open(child.pid());
  ASSERT_TRUE(named.ok());
  EXPECT_EQ((*named)->peer().start_time, child.peer().start_time);
  EXPECT_EQ((*named)->peer().uid, getuid());
  EXPECT_GE((*named)->peer().pidfd, 0);
  EXPECT_TRUE((*named)->alive());
  child.end();
  EXPECT_FALSE((*named)->alive());
  EXPECT_FALSE(CallerProcess::open(child.pid()).ok());
  EXPECT_FALSE(CallerProcess::open(0).ok());
}

TEST(CallerProcess, AnotherUserThanTheOneThatConnectedIsRefused) {
  Child child;
  const auto uid = child.peer().uid;
  child.peer().uid = uid + 1;
  EXPECT_FALSE(CallerProcess::pin(child.peer()).ok());
  child.peer().uid = uid;
  ++child.peer().gid;
  EXPECT_FALSE(CallerProcess::pin(child.peer()).ok());
}

TEST(CallerProcess, AProcessThatTheAgentCannotSeeIsRefused) {
  RpcPeer peer{};
  peer.pidfd = -1;
  EXPECT_FALSE(CallerProcess::pin(peer).ok());  // ID 0: of another PID namespace
}

}  // namespace
}  // namespace signet::agent::test
