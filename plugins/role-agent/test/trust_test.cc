// Whom the agent believes: the server's certificate, its refusals, and the first bundle.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "bootstrap.h"
#include "fake_server.h"
#include "server_trust.h"
#include "spire/api/types/status.pb.h"
#include "verdict.h"
#include "x509/bundle_json.h"
#include "x509/pem.h"

namespace signet::agent::test {
namespace {

class ServerTrustTest : public ::testing::Test {
 protected:
  Result<RpcVerdict> verify(const std::string& id, const Authority& by) {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    const std::string leaf = crypto::to_string(
        by.issue(id, key.public_key().spki(), host.unix_seconds(), std::chrono::hours(1)));
    const signet_bytes chain = bytes_to_abi(leaf);
    RpcPeer peer{};
    peer.chain = &chain;
    peer.chain_len = 1;
    return trust.verify(peer);
  }
  TestHost host;
  Authority ca = Authority::make("example.org", host.unix_seconds());
  Authority stranger = Authority::make("example.org", host.unix_seconds());
  ServerTrust trust{host.host(), domain()};
};

TEST_F(ServerTrustTest, BelievesTheServerOfItsTrustDomainOnly) {
  trust.set_authorities(x509::RootPool({ca.certificate}));
  EXPECT_TRUE(verify("spiffe://example.org/spire/server", ca).ok());
  EXPECT_FALSE(verify("spiffe://example.org/spire/agent/x", ca).ok());
  EXPECT_FALSE(verify("spiffe://other.org/spire/server", ca).ok());
  EXPECT_FALSE(trust.took_unknown_authority());
  EXPECT_FALSE(verify("spiffe://example.org/spire/server", stranger).ok());
  EXPECT_TRUE(trust.took_unknown_authority());
  EXPECT_FALSE(trust.took_unknown_authority());
  EXPECT_FALSE(trust.verify(RpcPeer{}).ok());
}

TEST_F(ServerTrustTest, ACertificateOfAnotherTimeTellsOfTheClock) {
  const std::int64_t now = host.unix_seconds();
  const Authority old = Authority::make("example.org", now - 86'400);
  trust.set_authorities(x509::RootPool({old.certificate}));
  const auto at = [&](std::int64_t offset) {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    const std::string leaf =
        crypto::to_string(old.issue("spiffe://example.org/spire/server", key.public_key().spki(),
                                    now - offset, std::chrono::hours(1)));
    const signet_bytes chain = bytes_to_abi(leaf);
    RpcPeer peer{};
    peer.chain = &chain;
    peer.chain_len = 1;
    (void)trust.verify(peer);
    return trust.clock_off().count();
  };
  EXPECT_EQ(at(7200), 3600);  // an hour past its end
  EXPECT_EQ(at(0), 0);
  EXPECT_FALSE(verify("spiffe://example.org/spire/server", stranger).ok());
  EXPECT_EQ(trust.clock_off().count(), 0);
}

TEST_F(ServerTrustTest, WithoutAnyAuthorityNobodyIsBelieved) {
  EXPECT_FALSE(verify("spiffe://example.org/spire/server", ca).ok());
}

TEST_F(ServerTrustTest, AnInsecureBootstrapStillChecksTheNameAndEndsWithTheFirstBundle) {
  trust.set_insecure(true);
  EXPECT_TRUE(verify("spiffe://example.org/spire/server", stranger).ok());
  EXPECT_FALSE(verify("spiffe://example.org/other", stranger).ok());
  trust.set_authorities(x509::RootPool({ca.certificate}));
  EXPECT_FALSE(verify("spiffe://example.org/spire/server", stranger).ok());
}

TEST(Verdict, IsReadFromTheDetailOfPermissionDenied) {
  using Details = ::spire::api::types::PermissionDeniedDetails;
  const auto with = [](Code code, Details::Reason reason) {
    Details details;
    details.set_reason(reason);
    return Status(code, "no")
        .with_detail({"type.googleapis.com/spire.api.types.PermissionDeniedDetails",
                      details.SerializeAsString()});
  };
  EXPECT_EQ(verdict_of(with(Code::kPermissionDenied, Details::AGENT_BANNED)), Verdict::kBanned);
  for (const auto reason : {Details::AGENT_EXPIRED, Details::AGENT_NOT_ATTESTED,
                            Details::AGENT_NOT_ACTIVE, Details::AGENT_MUST_REATTEST}) {
    EXPECT_EQ(verdict_of(with(Code::kPermissionDenied, reason)), Verdict::kReattest);
  }
  EXPECT_EQ(verdict_of(with(Code::kUnavailable, Details::AGENT_BANNED)), Verdict::kNone);
  EXPECT_EQ(verdict_of(Status::permission_denied("no")), Verdict::kNone);
  EXPECT_EQ(verdict_of({}), Verdict::kNone);
}

class BootstrapTest : public ::testing::Test {
 protected:
  BootstrapTest() {
    char name[] = "/tmp/agent-bootstrap-XXXXXX";
    folder = mkdtemp(name);
    config.trust_bundle_path = folder + "/bundle";
  }
  ~BootstrapTest() override { std::filesystem::remove_all(folder); }
  auto load(const std::string& text) {
    std::ofstream(config.trust_bundle_path) << text;
    return load_first_bundle(host.host(), config, {});
  }
  TestHost host;
  std::string folder;
  AgentConfig config{domain()};
  x509::Certificate ca = Authority::make("example.org", 1'700'000'000).certificate;
};

TEST_F(BootstrapTest, ReadsPemAndTheSpiffeForm) {
  EXPECT_EQ(load(x509::write_pem(ca))->size(), 1u);
  config.trust_bundle_is_spiffe = true;
  x509::Bundle bundle(domain());
  bundle.x509_authorities.push_back({ca});
  EXPECT_EQ(load(*x509::write_bundle_json(bundle))->size(), 1u);
}

TEST_F(BootstrapTest, RefusesAnEmptyOrMissingBundle) {
  EXPECT_FALSE(load_first_bundle(host.host(), config, {}).ok());
  EXPECT_FALSE(load("").ok());
  config.trust_bundle_is_spiffe = true;
  EXPECT_NE(load(R"({"keys":[]})").status().message().find("no certificates found in trust bundle"),
            std::string::npos);
  // The file's own standard says to skip it; a bootstrap that is not understood is no bootstrap.
  EXPECT_FALSE(load(R"({"keys":[{"kty":"EC","use":"other"}]})").ok());
}

TEST_F(BootstrapTest, InsecureBootstrapHasNoBundle) {
  config.insecure_bootstrap = true;
  EXPECT_TRUE(load_first_bundle(host.host(), config, {})->empty());
}

}  // namespace
}  // namespace signet::agent::test
