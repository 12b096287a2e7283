#include "workload_client/bundle_sources.h"

#include <gtest/gtest.h>

#include "fake_transport.h"
#include "test_authority.h"
#include "workload_client/limits.h"

namespace signet::workload_client {
namespace {

using testing::FakeTransport;
using testing::TestAuthority;

std::string x509_answer(const std::map<std::string, std::string>& bundles) {
  ::X509BundlesResponse out;
  for (const auto& [name, der] : bundles) (*out.mutable_bundles())[name] = der;
  return out.SerializeAsString();
}
std::string jwt_answer(const std::map<std::string, std::string>& bundles) {
  ::JWTBundlesResponse out;
  for (const auto& [name, jwks] : bundles) (*out.mutable_bundles())[name] = jwks;
  return out.SerializeAsString();
}

TEST(X509BundleSource, HasTheBundlesOfEachTrustDomainAndFollowsThem) {
  FakeTransport transport;
  const TestAuthority a("a.org");
  const TestAuthority b("b.org");
  X509BundleSource source(transport);
  transport.wait_opened(1);
  EXPECT_EQ(transport.method(), "/SpiffeWorkloadAPI/FetchX509Bundles");
  transport.send(x509_answer({{"spiffe://a.org", a.bundle_der()}, {"b.org", b.bundle_der()}}));
  ASSERT_TRUE(source.wait(std::chrono::seconds(10)).ok());
  ASSERT_NE(source.current()->find("a.org"), nullptr);
  EXPECT_EQ(source.current()->find("a.org")->roots().size(), 1U);
  ASSERT_NE(source.current()->find("b.org"), nullptr);
  transport.send(x509_answer({{"spiffe://a.org", a.bundle_der() + b.bundle_der()}}));
  EXPECT_EQ(source.current()->find("a.org")->roots().size(), 2U);
  EXPECT_EQ(source.current()->find("b.org"), nullptr) << "each answer is the whole state";
}

TEST(X509BundleSource, OneBadBundleRefusesTheWholeAnswer) {
  const TestAuthority a("a.org");
  EXPECT_TRUE(X509BundleSet::parse(x509_answer({{"a.org", a.bundle_der()}})));
  for (const auto& bad : {std::map<std::string, std::string>{},
                          {{"a.org", a.bundle_der()}, {"b.org", "rubbish"}},
                          {{"a.org", a.bundle_der() + "\x01"}},
                          {{"a.org", a.bundle_der().substr(1)}},
                          {{"No Domain", a.bundle_der()}}}) {
    EXPECT_EQ(X509BundleSet::parse(x509_answer(bad)).status().code(), Code::kInvalidArgument);
  }
  EXPECT_FALSE(X509BundleSet::parse("\xff\xff"));
  EXPECT_FALSE(X509BundleSet::parse(std::string(kMaxAnswerBytes + 1, '\0')));
}

TEST(X509BundleSource, MoreTrustDomainsThanAnybodyHasAreRefused) {
  std::map<std::string, std::string> many;
  for (std::size_t n = 0; n < kMaxTrustDomains; ++n) many["td" + std::to_string(n)] = "";
  EXPECT_TRUE(X509BundleSet::parse(x509_answer(many)));
  many["one-more"] = "";
  EXPECT_FALSE(X509BundleSet::parse(x509_answer(many)));
}

TEST(JwtBundleSource, HasTheKeysOfEachTrustDomain) {
  FakeTransport transport;
  const TestAuthority a("a.org");
  JwtBundleSource source(transport);
  transport.wait_opened(1);
  EXPECT_EQ(transport.method(), "/SpiffeWorkloadAPI/FetchJWTBundles");
  transport.send(jwt_answer({{"spiffe://a.org", a.jwks()}, {"b.org", R"({"keys":[]})"}}));
  ASSERT_TRUE(source.wait(std::chrono::seconds(10)).ok());
  EXPECT_NE(source.current()->keys.find("a.org", "key"), nullptr);
  EXPECT_EQ(source.current()->keys.find("a.org", "another"), nullptr);
  EXPECT_FALSE(source.current()->keys.has("b.org"));
  EXPECT_TRUE(source.current()->bundles.contains("b.org"));
}

TEST(JwtBundleSource, OneBadBundleRefusesTheWholeAnswer) {
  const TestAuthority a("a.org");
  for (const auto& bad : {std::map<std::string, std::string>{},
                          {{"a.org", a.jwks()}, {"b.org", "rubbish"}},
                          {{"a.org", a.jwks()}, {"b.org", R"({"keys":{}})"}},
                          {{"No Domain", a.jwks()}}}) {
    EXPECT_EQ(JwtBundleSet::parse(jwt_answer(bad)).status().code(), Code::kInvalidArgument);
  }
  EXPECT_FALSE(JwtBundleSet::parse("\xff\xff"));
}

}  // namespace
}  // namespace signet::workload_client
