#include "config.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "config_schema.h"

namespace signet::agent {
namespace {

using nlohmann::json;

json minimal() {
  return {{"trust_domain", "example.org"},
          {"server_address", "server"},
          {"server_port", 8081},
          {"trust_bundle_path", "/etc/bundle.pem"}};
}
Result<AgentConfig> read(const json& agent) {
  return AgentConfig::from_json(json{{"agent", agent}}.dump());
}
std::string refusal(json agent, const json& change) {
  agent.merge_patch(change);
  return read(agent).status().message();
}

TEST(AgentConfig, SchemaAndDescriptionAreJson) {
  EXPECT_TRUE(json::accept(kConfigSchema));
  EXPECT_TRUE(json::accept(kRoleDescription));
}

TEST(AgentConfig, TakesThePeersDefaults) {
  const auto config = read(minimal());
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->server_uri(), "dns:server:8081");
  EXPECT_EQ(config->socket_path, "/tmp/spire-agent/public/api.sock");
  EXPECT_EQ(config->data_dir, ".");
  EXPECT_EQ(config->sync_interval, std::chrono::seconds(5));
  EXPECT_EQ(config->x509_cache_size, 1000u);
  EXPECT_EQ(config->workload_key_type, crypto::KeyType::kEcP256);
}

TEST(AgentConfig, TheServerMayHaveSeveralAddresses) {
  json agent = minimal();
  agent["server_address"] = "a.example.org, 10.0.0.1,[::1]";
  EXPECT_EQ(read(agent)->server_uri(), "dns:a.example.org,10.0.0.1,[::1]:8081");
  for (const char* wrong : {"", " ", ",", "a,", ",a", "a, ,b"}) {
    EXPECT_NE(refusal(minimal(), {{"server_address", wrong}}), "") << wrong;
  }
}

TEST(AgentConfig, ConnectionAgeHasBounds) {
  const auto with = [](const char* value) {
    return json{{"experimental", {{"connection_age", value}}}};
  };
  EXPECT_EQ(read(minimal())->connection_age, std::chrono::minutes(10));
  EXPECT_NE(refusal(minimal(), with("99ms")), "");
  EXPECT_EQ(refusal(minimal(), with("1s")), "");
}

TEST(AgentConfig, ExactlyOneBundleSourceIsWanted) {
  EXPECT_EQ(refusal(minimal(), {{"trust_bundle_path", nullptr}}),
            "trust_bundle_path, trust_bundle_url, or trust_bundle_spiffe_workload_api must be "
            "configured unless insecure_bootstrap is set");
  EXPECT_EQ(refusal(minimal(), {{"trust_bundle_url", "https://x/"}}),
            "only one of trust_bundle_url or trust_bundle_path can be specified, not both");
  EXPECT_EQ(refusal(minimal(), {{"insecure_bootstrap", true}}),
            "only one of insecure_bootstrap or trust_bundle_path can be specified, not both");
}

TEST(AgentConfig, BundleUrlsSchemeFitsTheWayItIsAsked) {
  json agent = minimal();
  agent.erase("trust_bundle_path");
  EXPECT_EQ(refusal(agent, {{"trust_bundle_url", "http://x/"}}),
            "trust bundle URL must start with https://");
  agent["trust_bundle_unix_socket"] = "/run/s";
  EXPECT_EQ(refusal(agent, {{"trust_bundle_url", "https://x/"}}),
            "trust bundle URL must start with http:// when used with trust bundle unix socket");
  EXPECT_NE(refusal(agent, {{"trust_bundle_url", "http://x/?a=1&spire-b=2"}}).find("spire-"),
            std::string::npos);
  EXPECT_EQ(refusal(agent, {{"trust_bundle_url", "http://x/?a=1"}}), "");
}

TEST(AgentConfig, AWorkloadApiAsTheSourceStandsAlone) {
  json agent = minimal();
  agent.erase("trust_bundle_path");
  agent["trust_bundle_spiffe_workload_api"] = "unix:///run/outer/api.sock";
  EXPECT_TRUE(read(agent).ok());
  EXPECT_EQ(refusal(agent, {{"trust_bundle_path", "/x"}}),
            "only one of trust_bundle_path or trust_bundle_spiffe_workload_api can be specified, "
            "not both");
  EXPECT_EQ(refusal(agent, {{"insecure_bootstrap", true}}),
            "only one of insecure_bootstrap or trust_bundle_spiffe_workload_api can be specified, "
            "not both");
  EXPECT_EQ(refusal(agent, {{"trust_bundle_unix_socket", "/x"}}),
            "trust_bundle_unix_socket can not be used with trust_bundle_spiffe_workload_api");
  EXPECT_NE(refusal(agent, {{"trust_bundle_spiffe_workload_api", "/run/api.sock"}})
                .find("is not a valid SPIFFE Workload API endpoint address"),
            std::string::npos);
}

TEST(AgentConfig, RebootstrappingNeedsABundleToGoBackTo) {
  EXPECT_EQ(read(minimal())->rebootstrap, RebootstrapMode::kNever);
  EXPECT_EQ(read(minimal())->rebootstrap_delay, std::chrono::minutes(10));
  json agent = minimal();
  agent["rebootstrap_mode"] = "Auto";
  agent["rebootstrap_delay"] = "1500ms";
  EXPECT_EQ(read(agent)->rebootstrap, RebootstrapMode::kAuto);
  EXPECT_EQ(read(agent)->rebootstrap_delay, std::chrono::seconds(2));
  agent.erase("trust_bundle_path");
  EXPECT_EQ(refusal(agent, {{"insecure_bootstrap", true}}),
            "insecure_bootstrap option can not be used with rebootstrapping");
}

TEST(AgentConfig, TheWorkloadApiIsServedOnAUnixSocketOnly) {
  EXPECT_NE(refusal(minimal(), {{"socket_path", "tcp://127.0.0.1:80"}}).find("Unix socket only"),
            std::string::npos);
  EXPECT_NE(refusal(minimal(), {{"socket_path", "unix:///x"}}).find("path alone"),
            std::string::npos);
}

TEST(AgentConfig, LimitsAreOfMethods) {
  json agent = minimal();
  agent["experimental"]["ratelimit"] = {{"fetch_x509_svid", 3}, {"fetch_jwt_svid", 0}};
  EXPECT_EQ(read(agent)->call_rates,
            (std::map<std::string, std::uint32_t>{{"/SpiffeWorkloadAPI/FetchX509SVID", 3}}));
}

TEST(AgentConfig, OneJoinTokenAtMost) {
  EXPECT_EQ(refusal(minimal(), {{"join_token", "t"}, {"join_token_file", "/f"}}),
            "only one of join_token or join_token_file can be specified, not both");
  EXPECT_NE(refusal(minimal(), {{"join_token_file", "/nonexistent/file"}}), "");
  json agent = minimal();
  agent["join_token"] = "t";
  EXPECT_TRUE(read(agent)->join_with_token);
}

TEST(AgentConfig, AnEmptyJoinTokenFileIsAnError) {
  char name[] = "/tmp/agent-config-XXXXXX";
  const int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  close(fd);
  std::ofstream(name) << " \n\t\n";
  EXPECT_NE(refusal(minimal(), {{"join_token_file", name}}).find("is empty"), std::string::npos);
  std::filesystem::remove(name);
}

TEST(AgentConfig, JwtCacheHitTimeoutHasBounds) {
  const auto with = [](const char* value) {
    return json{{"experimental", {{"jwt_svid_cache_hit_timeout", value}}}};
  };
  EXPECT_NE(refusal(minimal(), with("4.9s")), "");
  EXPECT_NE(refusal(minimal(), with("30s")), "");
  EXPECT_EQ(refusal(minimal(), with("5s")), "");
}

TEST(AgentConfig, TheAdminSocketIsAwayFromThePublicOne) {
  const auto with = [](const std::string& admin, const json& more = json::object()) {
    json change = {{"admin_socket_path", admin}, {"socket_path", "/run/spire/public/api.sock"}};
    change.merge_patch(more);
    return refusal(minimal(), change);
  };
  const std::string said =
      "admin socket cannot be in the same directory or a subdirectory as that containing the "
      "Workload API socket";
  for (const char* near :
       {"/run/spire/public/admin.sock", "/run/spire/public/api.sock", "/run/spire/public/a/b.sock",
        "/run/spire/private/../public/admin.sock", "/run//spire/./public/admin.sock"}) {
    EXPECT_EQ(with(near), said) << near;
  }
  EXPECT_EQ(with("/run/spire/admin.sock"), "");
  EXPECT_EQ(with("/run/spire/public2/admin.sock"), "");
  // Without a public socket there is nobody to be away from.
  EXPECT_EQ(with("/run/spire/public/admin.sock",
                 {{"disable_workload_api", true}, {"disable_sds_api", true}}),
            "");
  json agent = minimal();
  EXPECT_EQ(read(agent)->admin_socket_path, "");
  agent["admin_socket_path"] = "admin.sock";
  EXPECT_EQ(read(agent)->admin_socket_path, std::filesystem::current_path() / "admin.sock");
}

TEST(AgentConfig, AdminUsersAreNumbers) {
  json agent = minimal();
  EXPECT_TRUE(read(agent)->admin_uids.empty());
  agent["experimental"] = {{"admin_uids", {0, 4294967295u}}};
  EXPECT_EQ(read(agent)->admin_uids, (std::vector<std::uint32_t>{0, 4294967295u}));
}

TEST(AgentConfig, NamesOverSdsAreThePeersOrTheOperators) {
  const auto plain = read(minimal());
  EXPECT_EQ(plain->sds.default_svid_name, "default");
  EXPECT_EQ(plain->sds.default_bundle_name, "ROOTCA");
  EXPECT_EQ(plain->sds.default_all_bundles_name, "ALL");
  EXPECT_FALSE(plain->sds.disable_spiffe_cert_validation);
  json agent = minimal();
  agent["sds"] = {{"default_svid_name", "mine"},
                  {"default_bundle_name", ""},
                  {"default_all_bundles_name", "ROOTCA"},
                  {"disable_spiffe_cert_validation", true}};
  const auto config = read(agent);
  EXPECT_EQ(config->sds.default_svid_name, "mine");
  EXPECT_EQ(config->sds.default_bundle_name, "ROOTCA") << "an empty name is none";
  EXPECT_EQ(config->sds.default_all_bundles_name, "") << "the other meaning wins";
  EXPECT_EQ(config->warnings.size(), 1u);
  EXPECT_TRUE(config->sds.disable_spiffe_cert_validation);
}

TEST(AgentConfig, DelegatesAreMembersOfTheTrustDomain) {
  EXPECT_EQ(refusal(minimal(), {{"authorized_delegates", {"spiffe://example.org/a"}}}), "");
  EXPECT_NE(refusal(minimal(), {{"authorized_delegates", {"spiffe://other.org/a"}}}), "");
}

}  // namespace
}  // namespace signet::agent
