#include <gtest/gtest.h>

#include "config.h"

namespace signet::server {
namespace {

Result<ServerConfig> read(const std::string& federation) {
  return ServerConfig::from_json(
      R"({"server":{"trust_domain":"example.org","data_dir":"/tmp/x","federation":)" + federation +
      "}}");
}

std::string why(const std::string& federation) { return read(federation).status().message(); }

TEST(FederationConfig, WithoutTheBlockNothingIsServedOrAsked) {
  const auto config =
      ServerConfig::from_json(R"({"server":{"trust_domain":"example.org","data_dir":"/tmp/x"}})");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->federation.endpoint);
  EXPECT_TRUE(config->federation.federates_with.empty());
  EXPECT_EQ(config->federation_refresh_hint.count(), 0);
}

TEST(FederationConfig, ReadsAnEndpointOfEachProfile) {
  const auto spiffe = read(
      R"({"bundle_endpoint":{"address":"127.0.0.1","port":8443,"refresh_hint":"10s",
          "profile":{"https_spiffe":{}}}})");
  ASSERT_TRUE(spiffe) << spiffe.status().message();
  ASSERT_TRUE(spiffe->federation.endpoint);
  EXPECT_EQ(spiffe->federation.endpoint->address, "127.0.0.1");
  EXPECT_EQ(spiffe->federation.endpoint->port, 8443u);
  EXPECT_FALSE(spiffe->federation.endpoint->web());
  EXPECT_EQ(spiffe->federation_refresh_hint, std::chrono::seconds(10));
  EXPECT_TRUE(spiffe->warnings.empty());

  const auto web = read(
      R"({"bundle_endpoint":{"profile":{"https_web":{"serving_cert_file":
          {"cert_file_path":"/c","key_file_path":"/k","file_sync_interval":"0s"}}}}})");
  ASSERT_TRUE(web) << web.status().message();
  EXPECT_TRUE(web->federation.endpoint->web());
  EXPECT_EQ(web->federation.endpoint->file_check, std::chrono::hours(1)) << "as in the peer";
  EXPECT_EQ(web->federation_refresh_hint, std::chrono::minutes(5));
}

TEST(FederationConfig, AnEndpointWithoutAProfileIsHttpsSpiffeWithAWarning) {
  const auto config = read(R"({"bundle_endpoint":{}})");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->federation.endpoint->web());
  EXPECT_EQ(config->warnings.size(), 1u);
}

TEST(FederationConfig, HttpsWebWantsFiles) {
  EXPECT_NE(why(R"({"bundle_endpoint":{"profile":{"https_web":{}}}})").find("serving_cert_file"),
            std::string::npos);
}

TEST(FederationConfig, ReadsWhomItFederatesWith) {
  const auto config = read(
      R"({"allow_private_endpoints":true,"federates_with":{
          "spiffe://a.org":{"bundle_endpoint_url":"https://a.org:8443/",
                   "bundle_endpoint_profile":{"https_spiffe":{"endpoint_spiffe_id":"spiffe://a.org/s"}}},
          "b.org":{"bundle_endpoint_url":"https://b.org","bundle_endpoint_profile":{"https_web":{}}}}})");
  ASSERT_TRUE(config) << config.status().message();
  EXPECT_EQ(config->federation.federates_with,
            (std::vector<FederatedDomain>{{"b.org", "https://b.org", ""},
                                          {"a.org", "https://a.org:8443/", "spiffe://a.org/s"}}));
  EXPECT_TRUE(config->federation.allow_private_endpoints);
}

TEST(FederationConfig, NamesWhatIsWrongAndWhere) {
  const auto with = [](const std::string& name, const std::string& url) {
    return why(R"({"federates_with":{")" + name + R"(":{"bundle_endpoint_url":")" + url +
               R"(","bundle_endpoint_profile":{"https_web":{}}}}})");
  };
  // Limit: the own trust domain is never fetched.
  EXPECT_NE(with("example.org", "https://x").find("own trust domain"), std::string::npos);
  EXPECT_NE(with("x.org", "http://x").find("https scheme"), std::string::npos);
  EXPECT_NE(with("x.org", "https://u@x").find("user info"), std::string::npos);
  EXPECT_NE(with("B AD", "https://x").find("trust domain"), std::string::npos);
  EXPECT_EQ(
      why(R"({"federates_with":{"a.org":{"bundle_endpoint_url":"https://a.org","bundle_endpoint_profile":
             {"https_spiffe":{"endpoint_spiffe_id":"nonsense"}}}}})")
          .rfind("server.federation.federates_with.a.org.bundle_endpoint_profile", 0),
      0u);
  EXPECT_NE(why(R"({"bundle_endpoint":{"refresh_hint":"1ms"}})").find("refresh_hint"),
            std::string::npos);
}

}  // namespace
}  // namespace signet::server
