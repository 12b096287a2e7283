// What signet/abi/bundle_publisher.h promises, asked of a shared object. What it published is not
// seen from here: that belongs into the plugin's own tests.
//
//   bundlepublisher-conformance --plugin FILE.so --config JSON
#include <thread>

#include <gtest/gtest.h>

#include "signet/bundle_publisher.h"

#include "suite_main.h"
#include "x509/ca.h"

namespace signet::conformance {
namespace {

PluginUnderTest& plugin() {
  static PluginUnderTest plugin{.type = "BundlePublisher"};
  return plugin;
}
ScopeUnderTest& scope() { return scope_of_program(plugin()); }

class BundlePublisherSuite : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(scope().status().ok()) << scope().status().to_string(); }
  static Status publish(const PublishedBundle& bundle) {
    const auto client = BundlePublisherClient::acquire(scope().host());
    return client ? client->publish(scope().host(), bundle) : client.status();
  }
  static PublishedBundle bundle(std::uint64_t sequence, std::size_t authorities = 1) {
    PublishedBundle out{plugin().trust_domain, sequence, 300, {}, {}};
    for (std::size_t n = 0; n < authorities; ++n) {
      const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
      x509::CaParams params;
      params.now = x509::from_unix(scope().host().unix_seconds());
      out.roots.push_back(
          crypto::to_string(x509::self_sign_ca(TrustDomain::parse(plugin().trust_domain).value(),
                                               params, crypto::PrivateKeySigner(key))
                                .value()
                                .der()));
      out.jwt_keys.push_back({"key-" + std::to_string(n),
                              crypto::to_string(key.public_key().spki()),
                              n % 2 == 0 ? 0 : scope().host().unix_seconds() + 600});
    }
    return out;
  }
};

TEST_F(BundlePublisherSuite, TheInstanceIsFoundByItsKind) {
  EXPECT_EQ(BundlePublisherClient::names(scope().host()).size(), 1u);
}

TEST_F(BundlePublisherSuite, PublishesAndPublishesTheSameAgain) {
  const PublishedBundle first = bundle(1);
  for (int n = 0; n < 3; ++n) {
    const Status done = publish(first);
    EXPECT_TRUE(done.ok()) << done.to_string();
  }
  EXPECT_TRUE(publish(bundle(2, 50)).ok());
  EXPECT_TRUE(publish(bundle(3)).ok()) << "a bundle may become smaller";
}

TEST_F(BundlePublisherSuite, AnOlderSequenceIsNotItsBusiness) {
  EXPECT_TRUE(publish(bundle(9)).ok());
  EXPECT_TRUE(publish(bundle(1)).ok());
}

TEST_F(BundlePublisherSuite, WhatCannotBeReadIsAnErrorAndNoEnd) {
  PublishedBundle bad = bundle(1);
  bad.roots[0] = "no certificate";
  EXPECT_FALSE(publish(bad).ok());
  EXPECT_TRUE(publish(bundle(2)).ok());
}

}  // namespace
}  // namespace signet::conformance

int main(int argc, char** argv) {
  return signet::conformance::run_suite(argc, argv, signet::conformance::plugin());
}
