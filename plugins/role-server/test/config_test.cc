#include "config.h"

#include <gtest/gtest.h>

namespace signet::server {
namespace {

std::string server(const std::string& keys) {
  return R"({"server":{"trust_domain":"example.org","data_dir":"/tmp/x")" + keys + "}}";
}

TEST(ServerConfig, TakesThePeersDefaults) {
  const auto config = ServerConfig::from_json(server(""));
  ASSERT_TRUE(config) << config.status().message();
  EXPECT_EQ(config->bind_port, 8081);
  EXPECT_EQ(config->bind_address, "0.0.0.0");
  EXPECT_EQ(config->socket_path, "/tmp/spire-server/private/api.sock");
  EXPECT_EQ(config->ca_ttl, std::chrono::hours(24));
  EXPECT_EQ(config->x509_svid_ttl, std::chrono::hours(1));
  EXPECT_EQ(config->jwt_svid_ttl, std::chrono::minutes(5));
  EXPECT_EQ(config->agent_ttl, config->x509_svid_ttl);
  EXPECT_EQ(config->jwt_key_type, crypto::KeyType::kEcP256);
  EXPECT_TRUE(config->ratelimit_attestation);
  EXPECT_TRUE(config->ratelimit_signing);
  EXPECT_FALSE(config->audit_log_enabled);
  EXPECT_TRUE(config->warnings.empty());
}

TEST(ServerConfig, AgentTtlFollowsTheDefaultSvidTtl) {
  const auto config = ServerConfig::from_json(server(R"(,"default_x509_svid_ttl":"10m")"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->agent_ttl, std::chrono::minutes(10));
}

TEST(ServerConfig, JwtKeyTypeFollowsTheAuthoritys) {
  const auto config = ServerConfig::from_json(server(R"(,"ca_key_type":"ec-p384")"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->jwt_key_type, crypto::KeyType::kEcP384);
}

TEST(ServerConfig, RefusesAMalformedAdminIdAndNamesIt) {
  const auto config = ServerConfig::from_json(server(R"(,"admin_ids":["http://x"])"));
  ASSERT_FALSE(config);
  EXPECT_NE(config.status().message().find("server.admin_ids: \"http://x\""), std::string::npos)
      << config.status().message();
}

TEST(ServerConfig, RefusesALifeBelowOneSecond) {
  const auto config = ServerConfig::from_json(server(R"(,"ca_ttl":"10ms")"));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.status().message(), "server.ca_ttl: must be at least 1s");
}

TEST(ServerConfig, WhatRestrictsIsReadAndNotMerelyTaken) {
  auto config = ServerConfig::from_json(server(""));
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->downstream_max_path);
  EXPECT_FALSE(config->downstream_name_constraints);
  EXPECT_EQ(config->redact_selectors,
            (std::vector<std::string>{"docker:env", "k8s:pod-annotation"}));
  EXPECT_EQ(config->activation_wait, std::chrono::minutes(10));
  config = ServerConfig::from_json(
      server(R"(,"downstream_max_path":0,"downstream_name_constraints":true,)"
             R"("redact_selectors":["unix:path"],"activation_wait":"90s")"));
  ASSERT_TRUE(config) << config.status().message();
  EXPECT_EQ(config->downstream_max_path, 0u);
  EXPECT_TRUE(config->downstream_name_constraints);
  EXPECT_EQ(config->redact_selectors, std::vector<std::string>{"unix:path"});
  EXPECT_EQ(config->activation_wait, std::chrono::seconds(90));
}

TEST(ServerConfig, PruningAndOfflineIssuance) {
  auto config = ServerConfig::from_json(server(""));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->offline_issuance, std::chrono::minutes(15));
  EXPECT_FALSE(config->prune_agents_expired_for);
  EXPECT_EQ(config->prune_agents_batch, 1000u);
  EXPECT_FALSE(config->prune_tofu_agents);
  config = ServerConfig::from_json(
      server(R"(,"offline_issuance":"0s","prune_attested_nodes_expired_for":"48h",)"
             R"("prune_attested_nodes_batch_size":7,"prune_tofu_nodes":true)"));
  ASSERT_TRUE(config) << config.status().message();
  EXPECT_EQ(config->offline_issuance, std::chrono::seconds(0));
  EXPECT_EQ(config->prune_agents_expired_for, std::chrono::hours(48));
  EXPECT_EQ(config->prune_agents_batch, 7u);
  EXPECT_TRUE(config->prune_tofu_agents);
  EXPECT_FALSE(ServerConfig::from_json(server(R"(,"offline_issuance":"-1s")")));
  EXPECT_FALSE(ServerConfig::from_json(server(R"(,"offline_issuance":"later")")));
}

TEST(ServerConfig, WarnsOfAnSvidThatMayOutliveItsAuthority) {
  const auto config = ServerConfig::from_json(server(R"(,"default_x509_svid_ttl":"5h")"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->warnings.size(), 2u);  // the default and, with it, agent_ttl
}

}  // namespace
}  // namespace signet::server
