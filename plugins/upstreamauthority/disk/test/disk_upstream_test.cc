#include "disk_upstream.h"

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

#include "ca_files.h"
#include "x509/csr.h"
#include "x509/verify.h"

namespace signet::disk_upstream {
namespace {

class DiskUpstreamTest : public testing::Test {
 protected:
  DiskUpstreamTest() : plugin_(Host(host_.abi()), "disk") {
    host_.set_wall_seconds(kNow);
    host_.set_shared_settings(R"({"trust_domain": "example.org"})");
    host_.offer(SIGNET_UPSTREAM_AUTHORITY, to_abi(&plugin_),
                DiskUpstream::service(SIGNET_UPSTREAM_AUTHORITY));
  }
  Status configure(const std::string& json) {
    fakes::FakeCall abi;
    Call call(abi.abi());
    return plugin_.configure(call, json);
  }
  Result<MintedX509Ca> mint() {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    const auto csr =
        x509::create_ca_csr(example(), x509::Name::spiffe(), crypto::PrivateKeySigner(key));
    const auto client = UpstreamAuthorityClient::acquire(Host(host_.abi()));
    return client->mint_x509(
        stream_, crypto::as_text(*csr), 600,
        {[this](UpstreamRoots roots) { told_.push_back(std::move(roots)); }, {}, {}});
  }
  static std::string der(const Ca& ca) { return crypto::to_string(ca.certificate.der()); }

  fakes::FakeHost host_;
  CaFolder folder_;
  DiskUpstream plugin_;
  std::vector<UpstreamRoots> told_;
  ServiceStream stream_;
};

TEST_F(DiskUpstreamTest, MintsAChainThatLeadsToItsRoots) {
  const Ca root = make_root();
  const Ca middle = make_intermediate(root);
  folder_.write(middle);
  folder_.write("bundle.pem", x509::write_pem(root.certificate));
  ASSERT_TRUE(configure(folder_.json(true)).ok());
  const auto minted = mint();
  ASSERT_TRUE(minted.ok()) << minted.status().to_string();
  ASSERT_EQ(minted->chain.size(), 2u);
  EXPECT_EQ(minted->chain[1], der(middle));
  EXPECT_EQ(minted->roots, (UpstreamRoots{{der(root), false}}));
}

TEST_F(DiskUpstreamTest, UsesFilesThatWereReplacedAndTellsOfTheNewRoot) {
  folder_.write(make_root());
  ASSERT_TRUE(configure(folder_.json()).ok());
  ASSERT_TRUE(mint().ok());
  const Ca second = make_root();
  folder_.write(second);
  ASSERT_TRUE(plugin_.refresh().ok());
  EXPECT_EQ(told_, (std::vector<UpstreamRoots>{{{der(second), false}}}));
  EXPECT_EQ(mint()->roots, (UpstreamRoots{{der(second), false}}));
}

TEST_F(DiskUpstreamTest, KeepsTheLastGoodFilesWhileTheyAreHalfReplaced) {
  const Ca first = make_root();
  folder_.write(first);
  ASSERT_TRUE(configure(folder_.json()).ok());
  const Ca second = make_root();
  folder_.write("cert.pem", x509::write_pem(second.certificate));
  EXPECT_EQ(mint()->roots, (UpstreamRoots{{der(first), false}}));
  folder_.write_key(second.key);
  EXPECT_EQ(mint()->roots, (UpstreamRoots{{der(second), false}}));
}

TEST_F(DiskUpstreamTest, ABadConfigurationLeavesTheOldOne) {
  const Ca first = make_root();
  folder_.write(first);
  ASSERT_TRUE(configure(folder_.json()).ok());
  EXPECT_EQ(configure(folder_.json(true)).code(), Code::kNotFound);
  EXPECT_EQ(configure("{}").code(), Code::kInvalidArgument);
  EXPECT_EQ(mint()->roots, (UpstreamRoots{{der(first), false}}));
}

TEST_F(DiskUpstreamTest, PublishesNoJwtKeys) {
  folder_.write(make_root());
  ASSERT_TRUE(configure(folder_.json()).ok());
  const auto client = UpstreamAuthorityClient::acquire(Host(host_.abi()));
  EXPECT_EQ(client->publish_jwt_key(stream_, {"kid", "spki", 1, false}, {}).status().code(),
            Code::kUnimplemented);
}

TEST_F(DiskUpstreamTest, DrainEndsTheStreams) {
  folder_.write(make_root());
  ASSERT_TRUE(configure(folder_.json()).ok());
  ASSERT_TRUE(mint().ok());
  fakes::FakeCall abi;
  Call call(abi.abi());
  EXPECT_TRUE(plugin_.drain(call).ok());
  EXPECT_FALSE(plugin_.feed().followed());
  EXPECT_EQ(mint().status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::disk_upstream
