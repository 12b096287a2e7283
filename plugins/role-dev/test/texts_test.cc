// Names, settings and texts of signet dev.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "config.h"
#include "greeting.h"
#include "scope_configs.h"
#include "test_folder.h"

namespace signet::dev {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(DevUserName, IsTheLoginNameWhereAPathMayHoldIt) {
  EXPECT_EQ(path_segment_for("alice", 1000), "alice");
  EXPECT_EQ(path_segment_for("Web_1.x-y", 1), "Web_1.x-y");
}

TEST(DevUserName, ReplacesWhatAPathMayNotHold) {
  EXPECT_EQ(path_segment_for("DOM\\al ice", 7), "DOM_al_ice");
  EXPECT_EQ(path_segment_for("a/../b", 7), "a_.._b");
  EXPECT_EQ(path_segment_for("\xc3\xa9", 7), "__");
}

TEST(DevUserName, IsTheNumberWhereNoNameCouldBeASegment) {
  for (const char* name : {"", ".", "..", "..."}) EXPECT_EQ(path_segment_for(name, 42), "uid-42");
}

TEST(DevUserName, AlwaysMakesASpiffeId) {
  const TrustDomain domain = TrustDomain::parse("example.org").value();
  for (const std::string& name :
       {std::string(5000, 'a'), std::string("\0x", 2), std::string("%2e")}) {
    EXPECT_TRUE(SpiffeId::make(domain, "/dev/" + path_segment_for(name, 1)).ok()) << name;
  }
}

TEST(DevFolder, FollowsXdgStateHomeOnlyWhenItIsAbsolute) {
  EXPECT_EQ(default_data_dir("/home/u/.state"), "/home/u/.state/signet-dev");
  EXPECT_EQ(default_data_dir("state"), "signet-dev");
  EXPECT_EQ(default_data_dir(""), "signet-dev");
  EXPECT_EQ(default_data_dir(nullptr), "signet-dev");
}

TEST(DevConfig, ReadsItsSettings) {
  const auto config = DevConfig::from_json(
      R"({"dev": {"trust_domain": "shop.test", "data_dir": "/d", "socket_path": "/s/a.sock"}})");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->trust_domain.name(), "shop.test");
  EXPECT_EQ(config->data_dir, "/d");
  EXPECT_EQ(config->socket_path, "/s/a.sock");
}

TEST(DevConfig, RefusesABadTrustDomainAndRelativePaths) {
  EXPECT_THAT(DevConfig::from_json(R"({"dev": {"trust_domain": "A b", "data_dir": "/d"}})")
                  .status()
                  .message(),
              HasSubstr("dev.trust_domain"));
  EXPECT_THAT(
      DevConfig::from_json(R"({"dev": {"trust_domain": "a", "data_dir": "d"}})").status().message(),
      HasSubstr("dev.data_dir"));
  EXPECT_FALSE(DevConfig::from_json("[]").ok());
}

TEST(DevScopes, TheServerListensOnLoopbackAndKeepsAllInItsFolder) {
  const TestFolder temp;
  const TrustDomain domain = TrustDomain::parse("example.org").value();
  const auto folder = StateFolder::open(temp.path("state"), domain, "");
  ASSERT_TRUE(folder.ok()) << folder.status().to_string();
  const json config = json::parse(server_config(*folder, domain, 4711));
  EXPECT_EQ(config["server"]["bind_address"], "127.0.0.1");
  EXPECT_EQ(config["server"]["bind_port"], 4711);
  for (const char* key : {"socket_path", "data_dir", "log_file"}) {
    EXPECT_TRUE(config["server"][key].get<std::string>().starts_with(folder->root())) << key;
  }
}

TEST(DevScopes, TheAgentShowsATokenOnlyWhenItHasOne) {
  const TestFolder temp;
  const TrustDomain domain = TrustDomain::parse("example.org").value();
  const auto folder = StateFolder::open(temp.path("state"), domain, "/s/w.sock");
  ASSERT_TRUE(folder.ok()) << folder.status().to_string();
  const json with = json::parse(agent_config(*folder, domain, 1, "t0ken"));
  EXPECT_EQ(with["agent"]["join_token"], "t0ken");
  EXPECT_EQ(with["agent"]["socket_path"], "/s/w.sock");
  EXPECT_FALSE(json::parse(agent_config(*folder, domain, 1, ""))["agent"].contains("join_token"));
}

TEST(DevGreeting, SaysWhoWhereAndHow) {
  Greeting greeting;
  greeting.trust_domain = "example.org";
  greeting.user = "alice";
  greeting.uid = 1000;
  greeting.spiffe_id = "spiffe://example.org/dev/alice";
  greeting.workload_socket = "/a b/agent.sock";
  greeting.folder = "/a b";
  greeting.took = std::chrono::milliseconds(432);
  const std::string text = greeting_text(greeting);
  EXPECT_THAT(text, HasSubstr("spiffe://example.org/dev/alice"));
  EXPECT_THAT(text, HasSubstr("uid 1000 (alice)"));
  EXPECT_THAT(text, HasSubstr("0.4 s"));
  EXPECT_THAT(text, HasSubstr("export SPIFFE_ENDPOINT_SOCKET='unix:///a b/agent.sock'"));
}

TEST(DevGreeting, QuotesWhatAShellWouldSplit) {
  EXPECT_EQ(shell_word("/plain/p.sock"), "/plain/p.sock");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$HOME"), "'$HOME'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace signet::dev
