#include "upstream_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

#include "x509/svid_issuer.h"

namespace signet::spire_upstream {
namespace {

using testing::HasSubstr;
using workload_client::X509Context;

constexpr std::int64_t kNow = 1'700'000'000;

// One trust domain's authority.
class Authority {
 public:
  explicit Authority(const char* name) : domain_(TrustDomain::parse(name).value()) {
    signer_ = std::make_shared<crypto::PrivateKeySigner>(
        crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value());
    root_ = x509::self_sign_ca(domain_, {.now = x509::from_unix(kNow)}, *signer_).value();
  }
  x509::Certificate svid(const std::string& id, const crypto::PrivateKey& key) const {
    const auto issuer = x509::SvidIssuer::make(*root_, signer_);
    const auto svid = issuer->issue(
        {.spiffe_id = id, .spki = key.public_key().spki(), .now = x509::from_unix(kNow)});
    return x509::Certificate::parse(svid->der).value();
  }
  workload_client::X509ContextPtr context(const std::string& id) const {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    auto context = std::make_shared<X509Context>();
    context->svids.push_back({SpiffeId::parse(id).value(),
                              {svid(id, key)},
                              std::make_shared<const crypto::SecretBytes>(key.to_pkcs8_der()),
                              ""});
    context->bundles.emplace(domain_.name(), x509::RootPool({*root_}));
    return context;
  }

 private:
  TrustDomain domain_;
  std::shared_ptr<crypto::PrivateKeySigner> signer_;
  std::optional<x509::Certificate> root_;
};

class UpstreamIdentityTest : public testing::Test {
 protected:
  UpstreamIdentityTest() : identity_(Host(host_.abi()), TrustDomain::parse("example.org").value()) {
    host_.set_wall_seconds(kNow);
  }
  Status verify(const x509::Certificate& leaf) {
    const std::string der = crypto::to_string(leaf.der());
    const signet_bytes chain[] = {bytes_to_abi(der)};
    RpcPeer peer{};
    peer.struct_size = sizeof peer;
    peer.chain = chain;
    peer.chain_len = 1;
    return identity_.verify(peer).status();
  }

  fakes::FakeHost host_;
  UpstreamIdentity identity_;
  Authority ours_{"example.org"};
  crypto::PrivateKey key_ = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
};

TEST_F(UpstreamIdentityTest, HasNothingToShowBeforeTheWorkloadApiAnswered) {
  EXPECT_EQ(identity_.ready().code(), Code::kUnavailable);
  EXPECT_EQ(identity_.identity().status().code(), Code::kUnavailable);
}

TEST_F(UpstreamIdentityTest, ShowsTheSvidAndTakesTheServer) {
  identity_.set(ours_.context("spiffe://example.org/downstream"));
  const auto shown = identity_.identity();
  ASSERT_TRUE(shown.ok()) << shown.status().to_string();
  EXPECT_EQ(shown->chain.size(), 1u);
  EXPECT_TRUE(verify(ours_.svid("spiffe://example.org/spire/server", key_)).ok());
}

TEST_F(UpstreamIdentityTest, RefusesAServerOfAnotherNameOrAuthority) {
  identity_.set(ours_.context("spiffe://example.org/downstream"));
  EXPECT_THAT(verify(ours_.svid("spiffe://example.org/spire/agent/x", key_)).message(),
              HasSubstr("not \"spiffe://example.org/spire/server\""));
  const Authority stranger("example.org");
  EXPECT_FALSE(verify(stranger.svid("spiffe://example.org/spire/server", key_)).ok());
  const Authority other("other.org");
  EXPECT_FALSE(verify(other.svid("spiffe://other.org/spire/server", key_)).ok());
  RpcPeer nobody{};
  nobody.struct_size = sizeof nobody;
  EXPECT_FALSE(identity_.verify(nobody).ok());
}

TEST_F(UpstreamIdentityTest, RefusesAnIdentityOfAnotherTrustDomain) {
  identity_.set(Authority("other.org").context("spiffe://other.org/downstream"));
  EXPECT_EQ(identity_.ready().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace signet::spire_upstream
