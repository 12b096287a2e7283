// Callers that match no entry yet: how long they wait, and what they are told.
#include "hold.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "grpc/health/v1/health.pb.h"
#include "rig.h"

namespace signet::agent::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class HoldTest : public ::testing::Test {
 protected:
  HoldTest() { hold.start(); }
  struct Outcome {
    bool over = false, confirmed = false, gone = false;
  };
  std::optional<std::uint64_t> take(Outcome& outcome, std::uint32_t uid = 1,
                                    std::chrono::nanoseconds deadline = seconds(0)) {
    return hold.take(
        {.uid = uid,
         .deadline_ns = deadline.count() == 0 ? INT64_MAX : host.host().deadline_in(deadline),
         .gone = [&] { return outcome.gone; },
         .over =
             [&](bool confirmed) {
               EXPECT_FALSE(outcome.over) << "once";
               outcome.over = true;
               outcome.confirmed = confirmed;
             }});
  }
  void level() { hold.level(host.host().monotonic_ns()); }

  TestHost host;
  int asked = 0, asked_due = 0;
  Hold hold{host.host(), {seconds(5), 8}, [this](bool due) { ++(due ? asked_due : asked); }};
};

TEST_F(HoldTest, EndsWhenTheTimeHasPassedAndTheServerWasAskedSince) {
  Outcome early, late;
  level();
  host.advance(seconds(1));
  ASSERT_TRUE(take(early));
  EXPECT_GT(asked, 0) << "at once, for servers that do not tell";
  host.advance(seconds(1));
  level();
  host.advance(milliseconds(1));
  ASSERT_TRUE(take(late));
  host.advance(seconds(3));
  EXPECT_FALSE(early.over);
  host.advance(seconds(1));
  EXPECT_TRUE(early.over && early.confirmed);
  EXPECT_FALSE(late.over);
  EXPECT_GT(asked_due, 0) << "in time";
  host.advance(seconds(1));
  EXPECT_FALSE(late.over) << "the server has not been asked since it called";
  level();
  host.run();
  EXPECT_TRUE(late.over && late.confirmed);
  EXPECT_EQ(hold.count(), 0u);
}

TEST_F(HoldTest, IsNotSureWhenTheServerCannotBeAsked) {
  Outcome caller;
  ASSERT_TRUE(take(caller));
  host.advance(milliseconds(9900));
  EXPECT_FALSE(caller.over);
  host.advance(milliseconds(200));
  EXPECT_TRUE(caller.over && !caller.confirmed);
}

TEST_F(HoldTest, EndsBeforeTheCallersOwnDeadline) {
  Outcome five, minute, hasty;
  ASSERT_TRUE(take(five, 1, seconds(4)));
  ASSERT_TRUE(take(minute, 1, seconds(60)));
  EXPECT_FALSE(take(hasty, 2, milliseconds(400))) << "there is no time to wait in";
  level();
  host.advance(milliseconds(3400));
  EXPECT_FALSE(five.over);
  host.advance(milliseconds(200));
  EXPECT_TRUE(five.over && five.confirmed);
  EXPECT_FALSE(minute.over);
}

TEST_F(HoldTest, ManyCallersAndThoseOfOneUserHaveAnEnd) {
  std::vector<Outcome> callers(9);
  EXPECT_TRUE(take(callers[0], 1));
  EXPECT_TRUE(take(callers[1], 1));
  EXPECT_FALSE(take(callers[2], 1)) << "a quarter of eight";
  for (std::uint32_t n = 2; n < 8; ++n) EXPECT_TRUE(take(callers[n], 10 + n));
  EXPECT_FALSE(take(callers[8], 99));
  EXPECT_EQ(hold.count(), 8u);
  callers[0].gone = true;
  host.advance(seconds(2));
  EXPECT_EQ(hold.count(), 7u);
  EXPECT_FALSE(callers[0].over) << "there is nobody to tell";
  EXPECT_TRUE(take(callers[8], 1));
}

TEST_F(HoldTest, ADroppedCallerHearsNothingAndStopEndsTheOthers) {
  Outcome dropped, other, late;
  const auto number = take(dropped);
  ASSERT_TRUE(take(other));
  hold.drop(*number);
  hold.stop();
  EXPECT_FALSE(dropped.over);
  EXPECT_TRUE(other.over && !other.confirmed);
  EXPECT_FALSE(take(late));
}

// ---- the Workload API

void held(AgentConfig& config) {
  config.hold = seconds(5);
  config.sync_interval = std::chrono::hours(1);
}

TEST(WorkloadHold, ACallerIsServedWhenItsEntryComes) {
  Rig rig(held);
  rig.start();
  const auto svid = rig.x509();
  const auto jwt = rig.fetch_jwt({"a"});
  const auto bundles = rig.call("FetchX509Bundles");
  const auto jwt_bundles = rig.call("FetchJWTBundles");
  rig.host.advance(seconds(2));
  for (const auto* call : {svid.get(), jwt.get(), bundles.get(), jwt_bundles.get()}) {
    EXPECT_FALSE(call->over());
    EXPECT_EQ(call->count(), 0u);
  }
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.host.advance(seconds(2));  // the server is asked for those who wait, once a second
  EXPECT_EQ(svid->count(), 1u);
  EXPECT_EQ(bundles->count(), 1u);
  EXPECT_EQ(jwt_bundles->count(), 1u);
  EXPECT_EQ(jwt->code(), Code::kOk) << jwt->words();
  EXPECT_EQ(jwt->count(), 1u);
}

TEST(WorkloadHold, ACallerWithoutAnEntryIsRefusedWhenItIsCertain) {
  Rig rig(held);
  rig.start();
  rig.host.advance(milliseconds(1));
  const int syncs = rig.server.syncs;
  const auto svid = rig.x509();
  const auto jwt = rig.fetch_jwt({"a"});
  rig.host.advance(milliseconds(4900));
  EXPECT_FALSE(svid->over());
  EXPECT_LE(rig.server.syncs - syncs, 6);
  rig.host.advance(milliseconds(1200));
  for (const auto* call : {svid.get(), jwt.get()}) {
    EXPECT_EQ(call->code(), Code::kPermissionDenied);
    EXPECT_EQ(call->words(), "no identity issued");
  }
}

TEST(WorkloadHold, WhileTheServerIsAwayItIsToldToTryAgain) {
  Rig rig(held);
  rig.start();
  rig.host.advance(milliseconds(1));  // the first sync is no answer for who calls after it
  rig.server.failure = Status::unavailable("away");
  const auto svid = rig.x509();
  rig.host.advance(seconds(11));
  EXPECT_EQ(svid->code(), Code::kUnavailable);
}

TEST(WorkloadHold, WhoHasLostItsIdentityIsNotHeldNorIsWhoAsksForAnothers) {
  Rig rig(held);
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto svid = rig.x509();
  ASSERT_EQ(svid->count(), 1u);
  EXPECT_EQ(rig.fetch_jwt({"a"}, "spiffe://example.org/other")->code(), Code::kPermissionDenied);
  delivery_v1::FollowResponse told;
  told.add_gone("1");
  ASSERT_TRUE(rig.tell(told).ok());
  EXPECT_EQ(svid->code(), Code::kPermissionDenied);
}

TEST(WorkloadHold, VerifiersThatNeedNoIdentityAndValidationAreNotHeld) {
  Rig rig(held, /*verifiers=*/true);
  rig.start();
  EXPECT_EQ(rig.call("FetchX509Bundles")->count(), 1u);
  EXPECT_EQ(rig.validate("a", rig.server.token("spiffe://example.org/x", {"a"}))->code(),
            Code::kOk);
}

// The agent asks itself how it is; that is not to take the length of a hold.
TEST(WorkloadHold, TheAgentItselfIsNotHeld) {
  Rig rig(held);
  rig.own_pid = getpid();
  rig.start();
  for (const char* method : {"FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"})
    EXPECT_EQ(rig.call(method)->code(), Code::kPermissionDenied) << method;
  EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kPermissionDenied);
  EXPECT_EQ(rig.hold->count(), 0u);
}

TEST(WorkloadHold, HealthSaysWhetherTheAgentIsReady) {
  Rig rig(held);
  rig.ready = false;
  rig.start();
  const auto check = [&] {
    return rig.call("/grpc.health.v1.Health/Check")
        ->last<::grpc::health::v1::HealthCheckResponse>()
        .status();
  };
  EXPECT_EQ(check(), ::grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  rig.ready = true;
  EXPECT_EQ(check(), ::grpc::health::v1::HealthCheckResponse::SERVING);
}

}  // namespace
}  // namespace signet::agent::test
