#include "config.h"

#include <gtest/gtest.h>

namespace signet::health_http {
namespace {

TEST(HealthConfig, HasThePeersDefaults) {
  const auto config = Config::from_json("{}");
  ASSERT_TRUE(config.ok());
  EXPECT_FALSE(config->enabled);
  EXPECT_EQ(config->address, "127.0.0.1");
  EXPECT_EQ(config->port, 80);
  EXPECT_EQ(config->live_path, "/live");
  EXPECT_EQ(config->ready_path, "/ready");
}

TEST(HealthConfig, ReadsAddressesAsPeopleWriteThem) {
  const auto address = [](const std::string& text) {
    const auto config = Config::from_json(R"({"bind_address":")" + text + "\"}");
    return config ? config->address : config.status().message();
  };
  EXPECT_EQ(address("localhost"), "127.0.0.1");
  EXPECT_EQ(address("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(address("[::]"), "::");
  EXPECT_EQ(address("::1"), "::1");
  EXPECT_EQ(address("example.org"),
            "health_checks.bind_address: \"example.org\" is neither an IP address nor localhost");
}

TEST(HealthConfig, RefusesWhatCannotBeServed) {
  for (const char* wrong :
       {R"({"bind_port":"http"})", R"({"bind_port":"65536"})", R"({"bind_port":"80 "})",
        R"({"live_path":"live"})", R"({"ready_path":"/live"})"}) {
    EXPECT_EQ(Config::from_json(wrong).status().code(), Code::kInvalidArgument) << wrong;
  }
  EXPECT_EQ(Config::from_json(R"({"bind_port":"8080"})")->port, 8080);
}

}  // namespace
}  // namespace signet::health_http
