#include "authorities_rig.h"

namespace signet::server {
namespace {

using testing::AuthoritiesTest;
using testing::kHour;

constexpr std::int64_t kBegin = 1'700'000'000;  // where the clock of a QuietHost begins

TEST_F(AuthoritiesTest, FirstStartMakesAndPublishesOneOfEachKind) {
  boot();
  EXPECT_EQ(bundle().x509_authorities_size(), 1);
  EXPECT_EQ(bundle().jwt_authorities_size(), 1);
  EXPECT_EQ(bundle().sequence_number(), 1u);  // 0 with the first, then one more
  EXPECT_EQ(bundle().jwt_authorities(0).key_id(), jwt());
  EXPECT_TRUE(host_.keys().keys.count("x509-CA-A") == 1);
}

TEST_F(AuthoritiesTest, AuthoritySignsAnSvidThatTheBundleVerifies) {
  boot();
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256);
  const auto svid = authorities().x509()->issuer.issue({.spiffe_id = "spiffe://example.org/db",
                                                        .spki = key->public_key().spki(),
                                                        .now = x509::from_unix(host_.now())});
  ASSERT_TRUE(svid) << svid.status().message();
  const auto leaf = x509::Certificate::parse(svid->der);
  ASSERT_TRUE(leaf);
  const auto verified =
      x509::verify_svid({*leaf}, server_->config.trust_domain, server_->bundles.own()->roots,
                        {.now = x509::from_unix(host_.now())});
  ASSERT_TRUE(verified) << verified.status().message();
}

TEST_F(AuthoritiesTest, SuccessorIsPublishedAtHalfLifeAndTakesOverAtFiveSixths) {
  boot();
  const std::string first = x509();
  const std::string first_jwt = jwt();
  pass(12 * kHour - 60);
  EXPECT_EQ(bundle().x509_authorities_size(), 1);
  pass(120);
  EXPECT_EQ(bundle().x509_authorities_size(), 2);
  EXPECT_EQ(bundle().jwt_authorities_size(), 2);
  EXPECT_EQ(x509(), first) << "published, but not used yet";
  pass(8 * kHour);
  EXPECT_NE(x509(), first);
  EXPECT_NE(jwt(), first_jwt);
  EXPECT_EQ(bundle().jwt_authorities(1).key_id(), jwt());
}

TEST_F(AuthoritiesTest, AuthoritiesOfWitSvidsKeepTheSameSchedule) {
  boot([](ServerConfig& config) { config.wit_svids = true; });
  const auto active = [&] {
    return authorities().state(AuthorityType::kWit)->active->authority_id;
  };
  const std::string first = active();
  pass(12 * kHour - 60);
  EXPECT_EQ(bundle().wit_authorities_size(), 1);
  pass(120);
  ASSERT_EQ(bundle().wit_authorities_size(), 2);
  EXPECT_EQ(active(), first) << "published, but not used yet";
  pass(8 * kHour);
  EXPECT_EQ(active(), bundle().wit_authorities(1).key_id());
}

TEST_F(AuthoritiesTest, ABundleTooLargeForAgentsIsNotMade) {
  boot();
  const auto before = bundle().SerializeAsString();
  const auto grown = server_->bundles.change_own([](spire::api::types::Bundle& edited) {
    edited.add_x509_authorities()->set_asn1(std::string(4 * 1024 * 1024, 'x'));
    return Result<bool>(true);
  });
  EXPECT_EQ(grown.code(), Code::kResourceExhausted);
  EXPECT_EQ(bundle().SerializeAsString(), before);
}

TEST_F(AuthoritiesTest, RestartKeepsAuthoritiesAndTheirOrder) {
  boot();
  pass(13 * kHour);  // A active, B prepared
  const std::string active = x509();
  const std::string active_jwt = jwt();
  const auto revision = host_.store().revision();
  boot();
  EXPECT_EQ(x509(), active);
  EXPECT_EQ(jwt(), active_jwt);
  EXPECT_EQ(host_.store().revision(), revision) << "a restart alone writes nothing";
  pass(8 * kHour);
  EXPECT_NE(x509(), active);
  EXPECT_EQ(bundle().x509_authorities_size(), 2) << "the one prepared before the restart is used";
  const std::string second = x509();
  boot();
  EXPECT_EQ(x509(), second);
}

TEST_F(AuthoritiesTest, LostKeysMeanNewAuthorities) {
  boot();
  const std::string active = x509();
  host_.keys().keys.clear();
  boot();
  EXPECT_NE(x509(), active);
  EXPECT_EQ(bundle().x509_authorities_size(), 2) << "what the old one signed still verifies";
}

TEST_F(AuthoritiesTest, ServerDownPastTheEndOfItsAuthoritiesStartsWithNewOnes) {
  boot();
  const std::string active = x509();
  host_.advance(72 * kHour);
  boot();
  EXPECT_NE(x509(), active);
  EXPECT_EQ(bundle().x509_authorities_size(), 1) << "expired two days ago, so it is gone";
  EXPECT_EQ(bundle().jwt_authorities_size(), 1);
}

TEST_F(AuthoritiesTest, ExpiredOnesLeaveAfterTheGraceButNeverTheLastOfAKind) {
  boot();
  const std::string first = bundle().x509_authorities(0).asn1();
  const auto published = [&] {
    const auto& all = bundle().x509_authorities();
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& one) { return one.asn1() == first; });
  };
  for (const int hour : {13, 21, 25, 33, 41}) pass((hour * kHour) - (host_.now() - kBegin));
  EXPECT_TRUE(published()) << "it ended 17 hours ago";
  pass(8 * kHour);
  EXPECT_FALSE(published());
  host_.advance(100 * kHour);
  boot([](ServerConfig& config) { config.disable_jwt_svids = true; });
  EXPECT_EQ(bundle().jwt_authorities_size(), 1) << "expired, and the last that there is";
}

TEST_F(AuthoritiesTest, FailedPreparationLeavesTheActiveOneAndIsTriedAgain) {
  boot();
  const std::string active = x509();
  host_.advance(13 * kHour);
  host_.keys().fail_generate = 1;
  EXPECT_FALSE(authorities().rotate().ok());
  EXPECT_EQ(x509(), active);
  EXPECT_EQ(bundle().jwt_authorities_size(), 2) << "one kind's trouble does not hold the other";
  pass(10);
  EXPECT_EQ(bundle().x509_authorities_size(), 2);
}

TEST_F(AuthoritiesTest, FailedCommitPublishesNothing) {
  boot();
  host_.advance(13 * kHour);
  host_.store().fail_commits = 2;
  EXPECT_FALSE(authorities().rotate().ok());
  EXPECT_EQ(bundle().x509_authorities_size(), 1);
  EXPECT_EQ(bundle().jwt_authorities_size(), 1);
  pass(10);
  EXPECT_EQ(bundle().x509_authorities_size(), 2);
}

TEST_F(AuthoritiesTest, ClockThatWasTwoHoursAheadDoesNoLastingDamage) {
  boot();
  const std::string before = x509();
  host_.advance(2 * kHour);  // wrong, and a restart in that time loses the keys
  host_.keys().keys.clear();
  boot();
  const std::string early = x509();
  EXPECT_NE(early, before);
  host_.advance(-2 * kHour);  // corrected: the certificate begins in two hours
  ASSERT_TRUE(authorities().rotate().ok());
  EXPECT_NE(x509(), early);
  EXPECT_LE(authorities().x509()->certificate.not_before(), x509::from_unix(host_.now()));
  const std::string now = x509();
  pass(60);
  EXPECT_EQ(x509(), now) << "once is enough";
}

TEST_F(AuthoritiesTest, ClockThatWasTwoHoursBehindDoesNoLastingDamage) {
  host_.advance(-2 * kHour);
  boot();
  const std::string first = x509();
  host_.advance(2 * kHour);
  pass(0);
  EXPECT_EQ(x509(), first);
  pass(18 * kHour);
  EXPECT_NE(x509(), first) << "and it gives way by the true clock, before it ends";
}

TEST_F(AuthoritiesTest, ServerThatSleptPastTheEndOfItsAuthoritiesMakesNewOnesAtOnce) {
  boot();
  const std::string first = x509();
  pass(72 * kHour);
  EXPECT_NE(x509(), first);
  EXPECT_GT(authorities().x509()->not_after, host_.now());
  EXPECT_GT(authorities().jwt()->not_after, host_.now());
}

// Three servers with their keys on disk, one of them restarted every `step` seconds, a hundred
// times. Gives the most X.509 authorities the bundle ever held: all, and those that had not ended.
std::pair<int, int> most_over_restarts(std::int64_t step) {
  testing::MemoryDatastore shared;
  std::vector<std::unique_ptr<testing::QuietHost>> hosts;
  for (int i = 0; i < 3; ++i) hosts.push_back(std::make_unique<testing::QuietHost>(&shared));
  std::pair<int, int> most;
  for (int restart = 0; restart < 100; ++restart) {
    for (auto& host : hosts) host->advance(step);
    testing::QuietHost& host = *hosts[static_cast<std::size_t>(restart) % 3];
    testing::AuthoritiesServer server(host);
    EXPECT_TRUE(server.start().ok());
    const auto& roots = server.bundles.own()->bundle.x509_authorities;
    const auto living = std::count_if(roots.begin(), roots.end(), [&](const auto& root) {
      return root.certificate.not_after() > x509::from_unix(host.now());
    });
    EXPECT_GE(living, 1);
    most.first = std::max(most.first, static_cast<int>(roots.size()));
    most.second = std::max(most.second, static_cast<int>(living));
  }
  return most;
}

TEST(BundleSize, AHundredQuickRestartsAddNothing) { EXPECT_EQ(most_over_restarts(60).first, 3); }

TEST(BundleSize, OverDaysItHoldsActiveNextAndOldOfEachServer) {
  const auto [all, living] = most_over_restarts(3 * kHour);
  EXPECT_LE(living, 9);
  EXPECT_LE(all, 9 + 3) << "what ended stays for another day";
}

TEST(AuthoritySchedule, IsThePeers) {
  const auto day = AuthoritySchedule::of(0, 24 * kHour);
  EXPECT_EQ(day.prepare_at, 12 * kHour);
  EXPECT_EQ(day.activate_at, 20 * kHour);
  const auto years = AuthoritySchedule::of(0, 20000 * kHour);
  EXPECT_EQ(years.prepare_at, (20000 - 30 * 24) * kHour);
  EXPECT_EQ(years.activate_at, (20000 - 7 * 24) * kHour);
}

}  // namespace
}  // namespace signet::server
