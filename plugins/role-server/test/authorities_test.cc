#include "authorities.h"

#include <gtest/gtest.h>

#include "server_fakes.h"

namespace signet::server {
namespace {

constexpr std::int64_t kHour = 3600;

// A server's authorities over stores that outlive it: making another one is a restart.
class AuthoritiesTest : public ::testing::Test {
 protected:
  struct Server {
    explicit Server(testing::QuietHost& quiet)
        : config(*TrustDomain::parse("example.org")),
          store(*Datastore::acquire(quiet.host())),
          changes(quiet.host(), store),
          bundles(quiet.host(), store, changes, config.trust_domain),
          authorities(quiet.host(), config, store, bundles, changes) {
      changes.subscribe(&bundles);
    }
    Status start() {
      SIGNET_RETURN_IF_ERROR(changes.start());
      return authorities.start();
    }
    ServerConfig config;
    Datastore store;
    ChangeFollower changes;
    TrustBundles bundles;
    Authorities authorities;
  };

  void boot() {
    server_.reset();
    server_ = std::make_unique<Server>(host_);
    const Status started = server_->start();
    ASSERT_TRUE(started.ok()) << started.message();
  }
  void pass(std::int64_t seconds) {
    host_.advance(seconds);
    const Status status = authorities().rotate();
    ASSERT_TRUE(status.ok()) << status.message();
  }
  Authorities& authorities() { return server_->authorities; }
  std::string x509() { return authorities().x509()->authority_id; }
  std::string jwt() { return authorities().jwt()->authority_id; }
  const spire::api::types::Bundle& bundle() { return server_->bundles.own()->message; }

  testing::QuietHost host_;
  std::unique_ptr<Server> server_;
};

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
