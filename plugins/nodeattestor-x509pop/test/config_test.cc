#include "config.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace signet::x509pop {
namespace {

TEST(X509popConfig, AServersBundle) {
  const auto config = Config::parse(R"({"ca_bundle_path": "/ca.pem"})");
  ASSERT_TRUE(config.ok()) << config.status().to_string();
  ASSERT_TRUE(config->server.has_value());
  EXPECT_FALSE(config->agent.has_value());
  EXPECT_EQ(config->server->ca_bundle_paths, std::vector<std::string>{"/ca.pem"});
  EXPECT_EQ(config->server->max_intermediates, 4u);
  EXPECT_EQ(config->server->max_rsa_key_size, 8192);
  EXPECT_EQ(Config::parse(R"({"ca_bundle_paths": ["/a", "/b"]})")->server->ca_bundle_paths.size(),
            2u);
}

TEST(X509popConfig, ModeSpiffeHasItsPrefixBetweenSlashes) {
  EXPECT_EQ(Config::parse(R"({"mode": "spiffe"})")->server->spiffe_prefix, "/spire-exchange/");
  EXPECT_EQ(Config::parse(R"({"mode": "spiffe", "spiffe_prefix": "x"})")->server->spiffe_prefix,
            "/x/");
}

TEST(X509popConfig, AnAgentsFilesOrItsWorkloadApi) {
  const auto files = Config::parse(
      R"({"private_key_path": "/k", "certificate_path": "/c", "intermediates_path": "/i"})");
  ASSERT_TRUE(files.ok()) << files.status().to_string();
  EXPECT_EQ(files->agent->intermediates_path, "/i");
  EXPECT_EQ(Config::parse(R"({"spiffe_endpoint_socket": "unix:///a.sock"})")->agent->endpoint,
            "unix:/a.sock");
  EXPECT_EQ(Config::parse(R"({"spiffe_endpoint_socket": "/a.sock"})")->agent->endpoint,
            "unix:/a.sock");
}

TEST(X509popConfig, RefusesWhatDoesNotFitTogether) {
  for (const char* json :
       {"[]", "{}", R"({"mode": "other"})", R"({"mode": "external_pki"})",
        R"({"ca_bundle_path": "/a", "ca_bundle_paths": ["/b"]})",
        R"({"mode": "spiffe", "ca_bundle_path": "/a"})",
        R"({"ca_bundle_path": "/a", "agent_path_template": "{{ range }}"})",
        R"({"ca_bundle_path": "/a", "max_intermediates": -1})",
        R"({"ca_bundle_path": "/a", "verify_client_ip": "yes"})", R"({"ca_bundle_paths": "/a"})",
        R"({"private_key_path": "/k"})", R"({"certificate_path": "/c"})",
        R"({"spiffe_endpoint_socket": "http://x"})",
        R"({"spiffe_endpoint_socket": "unix:///a", "certificate_path": "/c"})"}) {
    EXPECT_EQ(Config::parse(json).status().code(), Code::kInvalidArgument) << json;
  }
}

TEST(X509popConfig, SchemaIsJson) {
  EXPECT_TRUE(nlohmann::json::parse(kSchema, nullptr, false).is_object());
}

}  // namespace
}  // namespace signet::x509pop
