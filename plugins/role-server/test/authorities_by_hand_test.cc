// What operators do with authorities: prepare, activate, taint, revoke, leave.
#include "authorities_rig.h"

namespace signet::server {
namespace {

using testing::AuthoritiesTest;
using testing::kHour;

constexpr auto kX509 = AuthorityType::kX509;
constexpr auto kJwt = AuthorityType::kJwt;
constexpr auto kWit = AuthorityType::kWit;

// Who lacks what, as a test says.
struct FakePublication final : Publication {
  Lacking lacking(std::uint64_t revision) const override {
    asked = revision;
    return answer;
  }
  Lacking answer;
  mutable std::uint64_t asked = 0;
};

class ByHandTest : public AuthoritiesTest {
 protected:
  // Another one is active; gives the ID of the one before.
  std::string turn(AuthorityType type) {
    std::string before = authorities().state(type)->active->authority_id;
    const auto prepared = authorities().prepare(type);
    EXPECT_TRUE(prepared) << prepared.status().message();
    EXPECT_TRUE(authorities().activate(type, prepared->authority_id));
    return before;
  }
  // To the moment when the next X.509 authority is due, past five sixths of the active one's life;
  // an agent lacks it. Gives the active one.
  std::string boot_until_due(FakePublication& publication) {
    publication_ = &publication;
    boot();
    std::string first = x509();
    pass(13 * kHour);
    publication.answer = {.agents = 1, .servers = 0};
    pass(7 * kHour);
    return first;
  }
};

TEST_F(ByHandTest, PreparedOneIsPublishedAtOnceAndSignsWhenActivated) {
  boot();
  const std::string first = x509();
  const auto prepared = authorities().prepare(kX509);
  ASSERT_TRUE(prepared) << prepared.status().message();
  EXPECT_EQ(bundle().x509_authorities_size(), 2);
  EXPECT_EQ(x509(), first);
  ASSERT_TRUE(authorities().activate(kX509, prepared->authority_id));
  EXPECT_EQ(x509(), prepared->authority_id);
  const auto state = authorities().state(kX509);
  EXPECT_EQ(state->old->authority_id, first);
  EXPECT_FALSE(state->prepared);
}

TEST_F(ByHandTest, OneThatWasPreparedAndNeverSignedLeavesTheBundleWithItsSlot) {
  boot([](ServerConfig& config) { config.wit_svids = true; });
  for (int i = 0; i < 5; ++i) {
    for (const auto type : {kX509, kJwt, kWit}) ASSERT_TRUE(authorities().prepare(type));
  }
  EXPECT_EQ(bundle().x509_authorities_size(), 2);
  EXPECT_EQ(bundle().jwt_authorities_size(), 2);
  EXPECT_EQ(bundle().wit_authorities_size(), 2);
  EXPECT_EQ(bundle().jwt_authorities(1).key_id(),
            authorities().state(kJwt)->prepared->authority_id);
}

TEST_F(ByHandTest, TaintMarksTheOldOneInTheBundleAndRevokeRemovesIt) {
  boot([](ServerConfig& config) { config.wit_svids = true; });
  for (const auto type : {kX509, kJwt, kWit}) {
    const std::string old = turn(type);
    const auto sequence = bundle().sequence_number();
    EXPECT_EQ(authorities().revoke(type, old).status().code(), Code::kInternal) << "untainted";
    ASSERT_TRUE(authorities().taint(type, old));
    EXPECT_EQ(bundle().sequence_number(), sequence + 1);
    const bool tainted = type == kX509  ? bundle().x509_authorities(0).tainted()
                         : type == kJwt ? bundle().jwt_authorities(0).tainted()
                                        : bundle().wit_authorities(0).tainted();
    EXPECT_TRUE(tainted);
    EXPECT_EQ(authorities().taint(type, old).status().code(), Code::kInternal) << "twice";
    ASSERT_TRUE(authorities().revoke(type, old));
  }
  EXPECT_EQ(bundle().x509_authorities_size(), 1);
  EXPECT_EQ(bundle().jwt_authorities_size(), 1);
  EXPECT_EQ(bundle().wit_authorities_size(), 1);
  EXPECT_EQ(subject_key_id_of(bundle().x509_authorities(0).asn1()), x509());
}

// Rule 40 of the SPIFFE checklist: the sequence grows with every change of the content, and with
// nothing else.
TEST_F(ByHandTest, Rule40_TheSequenceGrowsWithEveryChangeOfTheBundle) {
  boot([](ServerConfig& config) { config.wit_svids = true; });
  for (const auto type : {kX509, kJwt, kWit}) {
    const std::string first = authorities().state(type)->active->authority_id;
    std::uint64_t sequence = bundle().sequence_number();
    const auto prepared = authorities().prepare(type);
    EXPECT_EQ(bundle().sequence_number(), ++sequence) << "published";
    ASSERT_TRUE(authorities().activate(type, prepared->authority_id));
    EXPECT_EQ(bundle().sequence_number(), sequence) << "who signs is not in the bundle";
    ASSERT_TRUE(authorities().taint(type, first));
    EXPECT_EQ(bundle().sequence_number(), ++sequence) << "tainted";
    ASSERT_TRUE(authorities().revoke(type, first));
    EXPECT_EQ(bundle().sequence_number(), ++sequence) << "revoked";
    EXPECT_FALSE(authorities().revoke(type, first));
    EXPECT_EQ(bundle().sequence_number(), sequence) << "refused";
  }
}

TEST_F(ByHandTest, TheActiveOneCannotBeTakenAway) {
  boot();
  for (const auto type : {kX509, kJwt}) {
    const std::string active = authorities().state(type)->active->authority_id;
    EXPECT_EQ(authorities().taint(type, active).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(authorities().revoke(type, active).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(authorities().activate(type, active).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(ByHandTest, KeysOfEarlierTurnsMayBeRevokedAsLongAsTheBundleHasThem) {
  boot();
  const std::string first = turn(kJwt);
  ASSERT_TRUE(authorities().taint(kJwt, first));
  turn(kJwt);
  ASSERT_TRUE(authorities().revoke(kJwt, first));
  EXPECT_EQ(authorities().revoke(kJwt, first).status().message(),
            "invalid authority ID: no JWT authority found with provided authority ID");
}

TEST_F(ByHandTest, ByHandCountsForTheScheduleToo) {
  boot();
  turn(kX509);
  const std::string second = x509();
  pass(13 * kHour);
  EXPECT_EQ(x509(), second);
  EXPECT_TRUE(authorities().state(kX509)->prepared) << "at half of the second one's life";
}

TEST_F(ByHandTest, WhatWasDoneByHandOutlivesARestart) {
  boot();
  const std::string first = turn(kX509);
  const std::string second = x509();
  ASSERT_TRUE(authorities().prepare(kJwt));
  const std::string prepared = authorities().state(kJwt)->prepared->authority_id;
  boot();
  EXPECT_EQ(x509(), second);
  EXPECT_EQ(authorities().state(kX509)->old->authority_id, first);
  ASSERT_TRUE(authorities().activate(kJwt, prepared));
}

TEST_F(ByHandTest, FailedPreparationLeavesTheActiveOneSigning) {
  boot();
  const std::string active = x509();
  host_.keys().fail_generate = 1;
  EXPECT_EQ(authorities().prepare(kX509).status().code(), Code::kInternal);
  EXPECT_EQ(x509(), active);
  ASSERT_TRUE(authorities().prepare(kX509));
}

TEST_F(ByHandTest, AServerThatLeavesSignsNoMoreAndTakesBackWhatNeverSigned) {
  boot();
  ASSERT_TRUE(authorities().prepare(kX509));
  const std::string active = x509();
  ASSERT_TRUE(authorities().leave().ok());
  EXPECT_EQ(authorities().x509(), nullptr);
  EXPECT_EQ(authorities().jwt(), nullptr);
  for (const Status& refused :
       {authorities().state(kX509).status(), authorities().prepare(kX509).status()}) {
    EXPECT_EQ(refused.code(), Code::kUnavailable);
    EXPECT_EQ(refused.message(), "this server has left the trust domain");
  }
  EXPECT_EQ(bundle().x509_authorities_size(), 1) << "what it signed still verifies";
  EXPECT_EQ(subject_key_id_of(bundle().x509_authorities(0).asn1()), active);
  ASSERT_TRUE(authorities().rotate().ok());
  EXPECT_EQ(authorities().x509(), nullptr) << "the schedule does not bring it back";
  boot();
  EXPECT_NE(x509(), active) << "a start after that is a newcomer's";
  EXPECT_TRUE(authorities().began_anew());
}

// ---- published before used

TEST_F(ByHandTest, AServerThatMadeAnAuthorityJoinsUntilItServes) {
  boot([](ServerConfig& config) { config.disable_jwt_svids = true; });
  EXPECT_TRUE(authorities().joining());
  boot([](ServerConfig& config) { config.disable_jwt_svids = true; });
  EXPECT_FALSE(authorities().began_anew());
  EXPECT_TRUE(authorities().joining()) << "a restart does not end it";
  ASSERT_TRUE(authorities().set_joining(false).ok());
  boot([](ServerConfig& config) { config.disable_jwt_svids = true; });
  EXPECT_FALSE(authorities().joining());
  boot();
  EXPECT_FALSE(authorities().began_anew());
  EXPECT_TRUE(authorities().joining()) << "nobody has the JWT key that it signs with";
}

TEST_F(ByHandTest, TheScheduleWaitsForThoseWhoLackTheAuthority) {
  FakePublication publication;
  const std::string first = boot_until_due(publication);
  EXPECT_EQ(x509(), first);
  EXPECT_EQ(publication.asked, server_->bundles.own()->revision);
  pass(300);
  EXPECT_EQ(x509(), first);
  publication.answer = {};
  pass(10);
  EXPECT_NE(x509(), first);
}

TEST_F(ByHandTest, TheScheduleWaitsNoLongerThanItsLimit) {
  FakePublication publication;
  publication.answer = {.agents = 0, .servers = 1};
  publication_ = &publication;
  boot();
  const std::string first = x509();
  pass(13 * kHour);
  pass(7 * kHour + 590);
  EXPECT_EQ(x509(), first);
  pass(20);  // ten minutes
  EXPECT_NE(x509(), first);
}

TEST_F(ByHandTest, ShortLivesWaitNoLongerThanHalfOfWhatIsLeft) {
  FakePublication publication;
  publication.answer = {.agents = 1, .servers = 0};
  publication_ = &publication;
  boot([](ServerConfig& config) { config.ca_ttl = std::chrono::seconds(60); });
  const std::string first = x509();
  pass(40);
  pass(14);  // due at 50, ten seconds before the end
  EXPECT_EQ(x509(), first);
  pass(2);
  EXPECT_NE(x509(), first);
}

TEST_F(ByHandTest, OnePreparedByHandWhenItIsDueIsWaitedForLikeAnyOther) {
  FakePublication publication;
  const std::string first = boot_until_due(publication);
  pass(595);  // it would be over soon
  ASSERT_TRUE(authorities().prepare(kX509));
  pass(10);
  EXPECT_EQ(x509(), first) << "nobody can have it yet";
  pass(580);
  EXPECT_EQ(x509(), first);
  pass(20);
  EXPECT_NE(x509(), first);
}

TEST_F(ByHandTest, WithFederationTheScheduleLeavesTwoRefreshHints) {
  boot([](ServerConfig& config) {
    config.ca_ttl = std::chrono::seconds(600);
    config.federation_refresh_hint = std::chrono::seconds(60);
  });
  const std::string first = x509();
  pass(480);  // prepared late: the server was busy
  pass(25);   // due at 500
  EXPECT_EQ(x509(), first);
  pass(50);  // no longer than half of what was left, 550
  EXPECT_NE(x509(), first);
}

TEST_F(ByHandTest, ByHandIsAtOnceAndSaysHowManyLackedIt) {
  FakePublication publication;
  publication.answer = {.agents = 3, .servers = 2};
  publication_ = &publication;
  boot();
  const auto prepared = authorities().prepare(kX509);
  const auto lacking = authorities().lacking(kX509, prepared->authority_id);
  ASSERT_TRUE(lacking);
  EXPECT_EQ(lacking->agents, 3u);
  EXPECT_FALSE(authorities().lacking(kX509, x509())) << "of a prepared one only";
  const auto done = authorities().activate(kX509, prepared->authority_id);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->lacking.agents, 3u);
  EXPECT_EQ(done->lacking.servers, 2u);
  EXPECT_EQ(x509(), prepared->authority_id);
}

}  // namespace
}  // namespace signet::server
