// The bundle from the source, again: facts 7.6.
#include "rebootstrap.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "fake_server.h"
#include "x509/pem.h"

namespace signet::agent::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class RebootstrapTest : public ::testing::Test {
 protected:
  RebootstrapTest() {
    char name[] = "/tmp/agent-rebootstrap-XXXXXX";
    folder = mkdtemp(name);
    config.trust_bundle_path = folder + "/bundle.pem";
    config.rebootstrap = RebootstrapMode::kAuto;
    std::ofstream(config.trust_bundle_path) << x509::write_pem(ca.certificate);
    start();
  }
  ~RebootstrapTest() override { std::filesystem::remove_all(folder); }
  /// A process that goes on with what the one before has stored.
  void start() {
    rebootstrap.reset();
    state = std::make_unique<AgentState>(host.host(), folder);
    ASSERT_TRUE(state->load().ok());
    rebootstrap = std::make_unique<Rebootstrap>(host.host(), config, *state, trust);
    opened = rebootstrap->open();
  }
  AgentData stored() const { return *AgentDataFile(folder).load(); }
  /// It has attested, and a sync succeeded.
  void succeed(bool reattestable = true) {
    state->keep([&](AgentData& data) {
      data.svid = {ca.certificate};
      data.bundle = {ca.certificate};
      data.reattestable = reattestable;
    });
    rebootstrap->settled();
  }

  std::string folder;
  TestHost host;
  AgentConfig config{domain()};
  Authority ca = Authority::make("example.org", host.unix_seconds());
  ServerTrust trust{host.host(), domain()};
  std::unique_ptr<AgentState> state;
  std::unique_ptr<Rebootstrap> rebootstrap;
  Status opened;
};

TEST_F(RebootstrapTest, TheFirstBundleIsCountedUntilItWorks) {
  EXPECT_TRUE(rebootstrap->is_first());
  ASSERT_TRUE(rebootstrap->take().ok());
  host.advance(seconds(5));
  ASSERT_TRUE(rebootstrap->take().ok());
  EXPECT_EQ(stored().bootstrap_use, AgentData::kUsedFirst);
  EXPECT_EQ(stored().connection_attempts, 2);
  EXPECT_EQ(stored().bootstrap_started, host.unix_seconds() - 5);
  EXPECT_FALSE(rebootstrap->due());
  succeed();
  EXPECT_FALSE(rebootstrap->is_first());
  EXPECT_EQ(stored().bootstrap_use, AgentData::kUsedAgain);
  EXPECT_EQ(stored().connection_attempts, 0);
  EXPECT_EQ(stored().bootstrap_started, 0);
}

TEST_F(RebootstrapTest, IsDueWhenTheDoubtLastsForTheDelayAlsoOverARestart) {
  succeed();
  rebootstrap->doubt();
  EXPECT_FALSE(rebootstrap->due());
  host.advance(minutes(9));
  start();
  EXPECT_FALSE(rebootstrap->due());
  rebootstrap->doubt();
  host.advance(minutes(1));
  EXPECT_TRUE(rebootstrap->due());
  ASSERT_TRUE(rebootstrap->take().ok());
  EXPECT_EQ(stored().bootstrap_use, AgentData::kUsedAgain);
  EXPECT_EQ(stored().connection_attempts, 1);
  rebootstrap->settled();
  EXPECT_FALSE(rebootstrap->due());
  EXPECT_EQ(stored().connection_attempts, 0);
}

TEST_F(RebootstrapTest, AServerThatIsKnownEndsTheDoubt) {
  succeed();
  rebootstrap->doubt();
  host.advance(minutes(9));
  rebootstrap->settled();
  host.advance(minutes(2));
  EXPECT_FALSE(rebootstrap->due());
  rebootstrap->doubt();
  EXPECT_FALSE(rebootstrap->due());
  EXPECT_EQ(stored().bootstrap_started, host.unix_seconds());
}

TEST_F(RebootstrapTest, AClockThatIsSetBackMakesTheWaitNoLonger) {
  succeed();
  host.set_forward(std::chrono::hours(24));
  rebootstrap->doubt();
  host.set_forward(-std::chrono::hours(24));
  rebootstrap->doubt();
  host.advance(minutes(10));
  EXPECT_TRUE(rebootstrap->due());
}

TEST_F(RebootstrapTest, AnAgentThatCannotAttestAgainDoesWithoutOrDoesNotStart) {
  succeed(false);
  start();
  EXPECT_TRUE(opened.ok());
  EXPECT_FALSE(rebootstrap->enabled());
  config.rebootstrap = RebootstrapMode::kAlways;
  start();
  EXPECT_EQ(opened.code(), Code::kFailedPrecondition);
  EXPECT_NE(opened.message().find("you have requested rebootstrap support"), std::string::npos);
  succeed(true);
  start();
  EXPECT_TRUE(opened.ok());
  EXPECT_FALSE(rebootstrap->check(false).ok());
}

TEST_F(RebootstrapTest, NeverIsNever) {
  config.rebootstrap = RebootstrapMode::kNever;
  start();
  succeed();
  rebootstrap->doubt();
  host.advance(std::chrono::hours(1));
  EXPECT_FALSE(rebootstrap->due());
}

}  // namespace
}  // namespace signet::agent::test
