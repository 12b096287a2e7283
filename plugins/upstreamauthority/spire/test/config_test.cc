#include "config.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace signet::spire_upstream {
namespace {

TEST(SpireUpstreamConfig, MakesTheAddressesOfBothSides) {
  const auto config = Config::parse(R"({"server_address": "up.example.org", "server_port": 8081,
      "workload_api_socket": "/run/agent.sock"})",
                                    "");
  ASSERT_TRUE(config.ok()) << config.status().to_string();
  EXPECT_EQ(*config, (Config{"dns:up.example.org:8081", "unix:/run/agent.sock"}));
}

TEST(SpireUpstreamConfig, AnIpv6AddressGetsBrackets) {
  EXPECT_EQ(
      Config::parse(R"({"server_address": "::1", "server_port": 1})", "unix:///a")->server_uri,
      "dns:[::1]:1");
}

TEST(SpireUpstreamConfig, TheWorkloadApiMayBeNamedByTheEnvironment) {
  const auto uri = [](const char* endpoint) {
    return Config::parse(R"({"server_address": "a", "server_port": 1})", endpoint);
  };
  EXPECT_EQ(uri("unix:///run/x.sock")->workload_uri, "unix:/run/x.sock");
  EXPECT_EQ(uri("tcp://127.0.0.1:5000")->workload_uri, "tcp:127.0.0.1:5000");
  EXPECT_EQ(uri("").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(uri("http://x").status().code(), Code::kInvalidArgument);
}

TEST(SpireUpstreamConfig, RefusesWhatItCannotDo) {
  for (const char* json :
       {"{}", "[]", R"({"server_address": "a"})", R"({"server_address": "", "server_port": 1})",
        R"({"server_address": "a", "server_port": 0})",
        R"({"server_address": "a", "server_port": 65536})",
        R"({"server_address": "a", "server_port": "x"})",
        R"({"server_address": "a", "server_port": 1, "workload_api_socket": "relative"})",
        R"({"server_address": "a", "server_port": 1, "experimental": {"require_pq_kem": true}})",
        R"({"server_address": "a", "server_port": 1,
            "experimental": {"workload_api_named_pipe_name": "p"}})"}) {
    EXPECT_EQ(Config::parse(json, "unix:///a").status().code(), Code::kInvalidArgument) << json;
  }
  EXPECT_TRUE(Config::parse(R"({"server_address": "a", "server_port": 1,
                                "experimental": {"require_pq_kem": false}})",
                            "unix:///a")
                  .ok());
}

TEST(SpireUpstreamConfig, SchemaIsJson) {
  EXPECT_TRUE(nlohmann::json::parse(kSchema, nullptr, false).is_object());
}

}  // namespace
}  // namespace signet::spire_upstream
