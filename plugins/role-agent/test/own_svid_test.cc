// The agent's own SVID through its life: facts on attestation, renewal, re-attestation and the
// server's verdicts. The synchroniser and the Workload API run beside it.
#include "own_svid.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "memory-keys/memory_keys.h"
#include "rig.h"

namespace signet::agent::test {
namespace {

using Details = ::spire::api::types::PermissionDeniedDetails;
using std::chrono::minutes;
using std::chrono::seconds;

class Token final : public NodeProof {
 public:
  std::string type() const override { return "test"; }
  Result<std::string> step(std::string_view) override { return std::string("proof"); }
};

// What RunningAgent does with its parts, with a server that is not there.
class OwnSvidTest : public ::testing::Test {
 protected:
  OwnSvidTest() {
    char name[] = "/tmp/agent-own-svid-XXXXXX";
    folder = mkdtemp(name);
    rig.host.offer(SIGNET_KEY_MANAGER, "memory", keys.instance(), keys.table());
    rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  }
  ~OwnSvidTest() override {
    if (svid) svid->stop();
    std::filesystem::remove_all(folder);
  }
  std::unique_ptr<OwnSvid> make() {
    identity = std::make_unique<AgentIdentity>(rig.host.host());
    EXPECT_TRUE(identity->open().ok());
    state = std::make_unique<AgentState>(rig.host.host(), folder);
    EXPECT_TRUE(state->load().ok());
    OwnSvid::Hooks hooks;
    hooks.prove = [this]() -> Result<std::unique_ptr<NodeProof>> {
      if (!no_proof.ok()) return no_proof;
      return std::unique_ptr<NodeProof>(std::make_unique<Token>());
    };
    hooks.replaced = [this] { ++replaced; };
    hooks.attested = [this](const x509::Bundle&) {
      if (rig.sync) rig.sync->sync_soon();
      return Status();
    };
    hooks.tainted = [this](const auto& chain) { return rig.sync && rig.sync->tainted(chain); };
    hooks.unknown_authority = [this] { return doubted; };
    hooks.bootstrap_due = [this] { return bootstrap_due; };
    hooks.bootstrap = [this] {
      ++bootstraps;
      return no_bundle;
    };
    hooks.banned = [this] { rig.store->clear(); };
    hooks.end = [this](const std::string& reason) { ended.push_back(reason); };
    return std::make_unique<OwnSvid>(rig.host.host(), rig.config, rig.server, *identity, trust,
                                     *state, std::move(hooks));
  }
  void start() {
    svid = make();
    ASSERT_TRUE(svid->find().ok());
    rig.failed = [this](const Status& failure) { svid->judge(failure); };
    rig.start();
    svid->start();
    rig.host.run();
  }
  /// A process that starts with what the one before has stored.
  Status restart() {
    svid = make();
    return svid->find();
  }
  std::string serial() const { return crypto::to_string(identity->current()->chain.front().der()); }
  bool stored() const { return !AgentDataFile(folder).load()->svid.empty(); }

  std::string folder;
  Rig rig;
  fakes::MemoryKeys keys{rig.host.host()};
  ServerTrust trust{rig.host.host(), domain()};
  std::unique_ptr<AgentIdentity> identity;
  std::unique_ptr<AgentState> state;
  std::unique_ptr<OwnSvid> svid;
  Status no_proof;
  bool doubted = false, bootstrap_due = false;
  Status no_bundle;
  int replaced = 0, bootstraps = 0;
  std::vector<std::string> ended;
};

// ---- coming up

TEST_F(OwnSvidTest, AttestsOnceAndGoesOnFromWhatIsStored) {
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(rig.server.attests, 1);
  const std::string first = serial();
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(rig.server.attests, 1);
  EXPECT_EQ(serial(), first);
}

TEST_F(OwnSvidTest, AttestsAnewWhenTheStoredSvidHasExpired) {
  ASSERT_TRUE(restart().ok());
  rig.host.advance(seconds(3599));  // a second before its end counts as the end
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(rig.server.attests, 2);
  rig.host.advance(seconds(4000));
  rig.server.attest_failure = Status::invalid_argument("join token was used");
  EXPECT_EQ(restart().code(), Code::kInvalidArgument);
  EXPECT_TRUE(stored());  // nothing better came in its place
}

TEST_F(OwnSvidTest, AttestsAnewWhenTheKeyIsGone) {
  ASSERT_TRUE(restart().ok());
  keys.keys.clear();
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(rig.server.attests, 2);
}

TEST_F(OwnSvidTest, RefusesACertificateForAnotherKey) {
  rig.server.attest_csr = crypto::to_string(
      x509::create_csr({}, crypto::PrivateKeySigner(
                               crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value()))
          .value());
  EXPECT_EQ(restart().code(), Code::kInternal);
  EXPECT_FALSE(stored());
}

// ---- renewal

TEST_F(OwnSvidTest, RenewsAtHalfLifeWithTheOtherKeySlot) {
  start();
  const std::string first = serial();
  rig.host.advance(minutes(26));
  EXPECT_EQ(rig.server.renewals, 0);
  rig.host.advance(minutes(8));
  EXPECT_EQ(rig.server.renewals, 1);
  EXPECT_EQ(rig.server.attests, 1);
  EXPECT_NE(serial(), first);
  EXPECT_EQ(identity->current()->key_id, "agent-svid-B");
  EXPECT_EQ(replaced, 2);
  rig.host.advance(minutes(34));
  EXPECT_EQ(identity->current()->key_id, "agent-svid-A");
  ASSERT_TRUE(restart().ok());  // and what was renewed is what is stored
  EXPECT_EQ(rig.server.attests, 1);
}

TEST_F(OwnSvidTest, AnAgentThatCanAttestAgainRenewsSo) {
  rig.server.reattestable = true;
  start();
  rig.host.advance(minutes(34));
  EXPECT_EQ(rig.server.renewals, 0);
  EXPECT_EQ(rig.server.attests, 2);
}

TEST_F(OwnSvidTest, IsReplacedSoonUnderATaintedAuthority) {
  start();
  rig.server.rotate_with_taint();
  rig.tick();
  rig.tick();
  EXPECT_EQ(rig.server.renewals, 1);
}

TEST_F(OwnSvidTest, OpenStreamsDoNotNoticeARenewal) {
  start();
  const auto call = rig.x509();
  const auto before = call->count();
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.host.advance(minutes(40));
  EXPECT_EQ(rig.server.renewals, 1);
  EXPECT_FALSE(call->over());
  EXPECT_GT(call->count(), before);
  EXPECT_EQ(call->last<::X509SVIDResponse>().svids_size(), 2);
}

TEST_F(OwnSvidTest, KeepsTryingWhileTheServerIsAwayAndServesMeanwhile) {
  start();
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(minutes(50));
  EXPECT_GT(rig.server.renewals, 3);
  EXPECT_LT(rig.server.renewals, 40);  // ever more slowly
  EXPECT_TRUE(ended.empty());
  EXPECT_EQ(rig.x509()->count(), 1u);
  rig.server.failure = {};
  rig.host.advance(minutes(5));
  EXPECT_EQ(identity->current()->not_after() > rig.host.unix_seconds() + 3000, true);
  EXPECT_TRUE(ended.empty());
}

TEST_F(OwnSvidTest, TriesMoreOftenAsTheEndComesNear) {
  start();
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(minutes(59) + seconds(30));
  EXPECT_LT(rig.server.renewals, 100);
  rig.server.failure = {};
  rig.host.advance(seconds(10));
  EXPECT_GT(identity->current()->not_after(), rig.host.unix_seconds() + 3000);
  EXPECT_TRUE(ended.empty());
}

TEST_F(OwnSvidTest, EndsWhenItExpiredUnrenewedAndKeepsWhatIsStored) {
  start();
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(minutes(65));
  ASSERT_FALSE(ended.empty());
  EXPECT_NE(ended.front().find("has expired"), std::string::npos) << ended.front();
  EXPECT_TRUE(stored());
}

// ---- verdicts while it runs

TEST_F(OwnSvidTest, AnEvictedAgentThatCannotAttestAgainForgetsItsSvidAndEnds) {
  for (const auto reason : {Details::AGENT_NOT_ATTESTED, Details::AGENT_EXPIRED,
                            Details::AGENT_NOT_ACTIVE, Details::AGENT_MUST_REATTEST}) {
    SCOPED_TRACE(Details::Reason_Name(reason));
    svid = make();
    ASSERT_TRUE(svid->find().ok());
    svid->start();
    EXPECT_TRUE(stored());
    ended.clear();
    svid->judge(FakeServer::verdict(reason));
    EXPECT_EQ(ended.size(), 1u);
    EXPECT_FALSE(stored());
  }
}

TEST_F(OwnSvidTest, AnEvictedAgentThatCanAttestAgainDoesAndSyncsAtOnce) {
  rig.server.reattestable = true;
  start();
  const auto call = rig.x509();
  const std::string first = serial();
  // Long away, so that the waits have grown; then the first call is told that it is unknown.
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(minutes(12));
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.server.failure = FakeServer::verdict(Details::AGENT_NOT_ATTESTED);
  svid->judge(rig.server.failure);
  rig.host.run();
  EXPECT_EQ(rig.server.attests, 2);
  EXPECT_NE(serial(), first);
  EXPECT_TRUE(ended.empty());
  EXPECT_FALSE(call->over());
  EXPECT_EQ(rig.store->counts().entries, 2u);  // no time has passed
  rig.host.advance(seconds(1));
  EXPECT_EQ(call->last<::X509SVIDResponse>().svids_size(), 2);
  rig.host.advance(minutes(5));
  EXPECT_EQ(rig.server.attests, 2);  // once was enough
}

TEST_F(OwnSvidTest, OneVerdictHeardByManyCallsIsOneAttestation) {
  rig.server.reattestable = true;
  start();
  rig.server.failure = FakeServer::verdict(Details::AGENT_NOT_ATTESTED);
  for (int i = 0; i < 5; ++i) svid->judge(rig.server.failure);
  rig.host.run();
  EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kOk);
  rig.host.advance(seconds(30));
  EXPECT_EQ(rig.server.attests, 2);
}

// A fleet behind one address, of which the server lets one attest each second.
TEST_F(OwnSvidTest, AServerThatIsOverloadedOrInTroubleIsAskedAgain) {
  rig.server.reattestable = true;
  start();
  for (const Status& trouble :
       {Status::resource_exhausted("rate: Wait(n=1) would exceed context deadline"),
        Status::internal("failed to attest"), Status(Code::kUnknown, "?")}) {
    rig.server.attest_failure = trouble;
    svid->judge(FakeServer::verdict(Details::AGENT_NOT_ATTESTED));
    rig.host.advance(minutes(2));
    EXPECT_TRUE(ended.empty()) << trouble.to_string();
  }
  rig.server.attest_failure = {};
  rig.host.advance(minutes(3));
  EXPECT_TRUE(ended.empty());
  EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kOk);
}

TEST_F(OwnSvidTest, AnAttestationThatIsRefusedIsTheEnd) {
  rig.server.reattestable = true;
  start();
  rig.server.attest_failure = Status::permission_denied("not on the list");
  svid->judge(FakeServer::verdict(Details::AGENT_NOT_ATTESTED));
  rig.host.run();
  ASSERT_FALSE(ended.empty());
  EXPECT_NE(ended.front().find("failed to attest again"), std::string::npos);
  EXPECT_FALSE(stored());
}

TEST_F(OwnSvidTest, AServerThatGoesAwayDuringTheAttestationIsWaitedFor) {
  rig.server.reattestable = true;
  start();
  rig.server.attest_failure = Status::unavailable("away");
  svid->judge(FakeServer::verdict(Details::AGENT_NOT_ATTESTED));
  rig.host.advance(seconds(20));
  EXPECT_TRUE(ended.empty());
  EXPECT_TRUE(stored());
  rig.server.attest_failure = {};
  rig.host.advance(minutes(1));
  EXPECT_EQ(rig.server.renewals, 0);
  EXPECT_EQ(rig.x509()->count(), 1u);
}

TEST_F(OwnSvidTest, ABannedAgentServesNobodyForgetsItsSvidAndEnds) {
  rig.server.reattestable = true;
  start();
  const auto call = rig.x509();
  EXPECT_FALSE(call->over());
  rig.server.failure = FakeServer::verdict(Details::AGENT_BANNED);
  rig.tick();
  ASSERT_FALSE(ended.empty());
  EXPECT_NE(ended.front().find("banned"), std::string::npos);
  EXPECT_FALSE(stored());
  EXPECT_EQ(rig.server.attests, 1);
  EXPECT_TRUE(call->over());
  EXPECT_EQ(call->code(), Code::kPermissionDenied);
}

TEST_F(OwnSvidTest, OtherRefusalsSayNothingAboutTheAgent) {
  start();
  rig.server.failure = Status::permission_denied("not for you");
  rig.tick();
  rig.tick();
  EXPECT_TRUE(ended.empty());
  EXPECT_TRUE(stored());
}

TEST_F(OwnSvidTest, AServerThatIsAwayForADay) {
  rig.server.reattestable = true;
  rig.server.x509_ttl = std::chrono::hours(8);  // the agent's own SVID lives for one
  start();
  const auto stream = rig.x509();
  ASSERT_EQ(stream->count(), 1u);
  rig.server.failure = rig.server.attest_failure = Status::unavailable("away");
  rig.host.advance(std::chrono::hours(7));
  EXPECT_EQ(rig.x509()->count(), 1u) << "served while valid";
  rig.host.advance(std::chrono::hours(17));
  const auto late = rig.x509();
  EXPECT_EQ(late->code(), Code::kUnavailable);
  EXPECT_EQ(late->count(), 0u);
  EXPECT_FALSE(stream->over()) << "open and silent";
  EXPECT_EQ(stream->count(), 1u);
  EXPECT_EQ(rig.call("FetchX509Bundles")->count(), 1u) << "a bundle has no end of its own";
  EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kUnavailable);
  EXPECT_TRUE(ended.empty());
  rig.server.failure = rig.server.attest_failure = {};
  rig.host.advance(minutes(1));
  EXPECT_EQ(stream->count(), 2u);
  EXPECT_EQ(rig.x509()->count(), 1u);
  EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kOk);
  EXPECT_TRUE(ended.empty());
}

// ---- a server that nobody known signs; whom to believe then is Rebootstrap's

TEST_F(OwnSvidTest, ABundleFromTheSourceIsFollowedByAnAttestationInTheProcess) {
  rig.server.reattestable = true;
  start();
  bootstrap_due = true;
  rig.host.advance(seconds(6));  // it looks now and then, whatever the sync loop does
  EXPECT_GE(bootstraps, 1);
  EXPECT_GE(rig.server.attests, 2);
  EXPECT_EQ(rig.server.renewals, 0);
  bootstrap_due = false;
  EXPECT_TRUE(ended.empty());
  EXPECT_EQ(rig.x509()->count(), 1u);
}

TEST_F(OwnSvidTest, ASourceThatDoesNotAnswerIsAskedAgainAndEndsNothing) {
  rig.server.reattestable = true;
  start();
  bootstrap_due = true;
  for (const Status& trouble : {Status::unavailable("away"), Status::failed_precondition("?")}) {
    no_bundle = trouble;
    rig.host.advance(seconds(30));
    EXPECT_EQ(rig.server.attests, 1);
    EXPECT_TRUE(ended.empty());
    EXPECT_TRUE(stored());
  }
  EXPECT_GE(bootstraps, 2);
  no_bundle = {};
  rig.host.advance(minutes(3));
  EXPECT_GE(rig.server.attests, 2);
}

}  // namespace
}  // namespace signet::agent::test
