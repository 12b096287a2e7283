#include "agent_attestor.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

#include "join_token_plugin.h"

namespace signet::join_token {
namespace {

class JoinTokenAgent : public testing::Test {
 protected:
  Status configure(std::string_view json) {
    fakes::FakeCall abi;
    Call call(abi.abi());
    return plugin_.configure(call, json);
  }
  fakes::FakeHost host_;
  JoinTokenPlugin plugin_{Host(host_.abi()), "join_token"};
};

TEST_F(JoinTokenAgent, ShowsTheTokenAsItIs) {
  ASSERT_TRUE(configure(R"({"join_token": "abc-1"})").ok());
  const auto session = plugin_.open_agent();
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(*(*session)->step("", INT64_MAX), "abc-1");
}

TEST_F(JoinTokenAgent, TakesAChallengeForAnError) {
  ASSERT_TRUE(configure(R"({"join_token": "abc-1"})").ok());
  const auto early = plugin_.open_agent();
  EXPECT_EQ((*early)->step("nonce", INT64_MAX).status().code(), Code::kInvalidArgument);
  const auto late = plugin_.open_agent();
  ASSERT_TRUE((*late)->step("", INT64_MAX).ok());
  EXPECT_EQ((*late)->step("", INT64_MAX).status().code(), Code::kInvalidArgument);
}

TEST_F(JoinTokenAgent, SaysThatThereIsNoToken) {
  for (const char* json : {R"({})", R"({"join_token": ""})"}) {
    ASSERT_TRUE(configure(json).ok());
    const auto session = plugin_.open_agent();
    EXPECT_EQ(session.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(session.status().message(), "join token was not provided");
  }
}

TEST_F(JoinTokenAgent, FallsBackToTheTokenOfTheAgent) {
  host_.set_shared_settings(R"({"trust_domain": "example.org", "join_token": "shared"})");
  ASSERT_TRUE(configure("{}").ok());
  EXPECT_EQ(*(*plugin_.open_agent())->step("", INT64_MAX), "shared");
  ASSERT_TRUE(configure(R"({"join_token": "own"})").ok());
  EXPECT_EQ(*(*plugin_.open_agent())->step("", INT64_MAX), "own");
}

TEST_F(JoinTokenAgent, ReadsTheTokenFileOfTheAgent) {
  std::string path = (std::filesystem::temp_directory_path() / "join_token_XXXXXX").string();
  ::close(::mkstemp(path.data()));
  host_.set_shared_settings(R"({"join_token_file": ")" + path + R"("})");
  EXPECT_EQ(configure("{}").message(), "join token file " + path + " is empty");
  std::ofstream(path) << "\n token-1 \n";
  ASSERT_TRUE(configure("{}").ok());
  EXPECT_EQ(*(*plugin_.open_agent())->step("", INT64_MAX), "token-1");
  std::filesystem::remove(path);
  EXPECT_EQ(configure("{}").code(), Code::kInvalidArgument);
}

TEST_F(JoinTokenAgent, KeepsItsTokenWhenNewSettingsAreWrong) {
  ASSERT_TRUE(configure(R"({"join_token": "abc-1"})").ok());
  EXPECT_FALSE(configure(R"({"join_token": 7})").ok());
  EXPECT_FALSE(configure("[").ok());
  EXPECT_EQ(*(*plugin_.open_agent())->step("", INT64_MAX), "abc-1");
}

}  // namespace
}  // namespace signet::join_token
