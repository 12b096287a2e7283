#include "state_folder.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "test_folder.h"

namespace signet::dev {
namespace {

using testing::HasSubstr;

TrustDomain domain(const char* name = "example.org") { return TrustDomain::parse(name).value(); }

void write_agent_data(const StateFolder& folder, const std::string& text) {
  const std::string path = folder.agent_data() + "/agent-data.json";
  std::ofstream(path) << text;
  chmod(path.c_str(), 0600);
}

TEST(StateFolder, MakesItselfWithPrivateRoomsForServerAndAgent) {
  const TestFolder temp;
  const auto folder = StateFolder::open(temp.path("a/b"), domain(), "");
  ASSERT_TRUE(folder.ok()) << folder.status().to_string();
  for (const std::string& room : {folder->server_data(), folder->agent_data()}) {
    struct stat st {};
    ASSERT_EQ(stat(room.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0700u) << room;
  }
  struct stat st {};
  ASSERT_EQ(stat(folder->root().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0755u);
}

TEST(StateFolder, IsUsedByOneAtATime) {
  const TestFolder temp;
  {
    const auto first = StateFolder::open(temp.path("s"), domain(), "");
    ASSERT_TRUE(first.ok());
    EXPECT_THAT(StateFolder::open(temp.path("s"), domain(), "").status().message(),
                HasSubstr("another signet dev is running"));
  }
  EXPECT_TRUE(StateFolder::open(temp.path("s"), domain(), "").ok());
}

TEST(StateFolder, BelongsToOneTrustDomain) {
  const TestFolder temp;
  ASSERT_TRUE(StateFolder::open(temp.path("s"), domain(), "").ok());
  EXPECT_THAT(StateFolder::open(temp.path("s"), domain("other.test"), "").status().message(),
              HasSubstr("holds the state of the trust domain example.org, not of other.test"));
}

TEST(StateFolder, WritesATornTrustDomainAnew) {
  const TestFolder temp;
  ASSERT_TRUE(StateFolder::open(temp.path("s"), domain(), "").ok());
  std::ofstream(temp.path("s") + "/trust_domain") << "exam";
  EXPECT_TRUE(StateFolder::open(temp.path("s"), domain(), "").ok());
  EXPECT_FALSE(StateFolder::open(temp.path("s"), domain("exam"), "").ok());
}

TEST(StateFolder, RefusesPathsThatAreTooLongForASocket) {
  const TestFolder temp;
  EXPECT_THAT(StateFolder::open(temp.path(std::string(100, 'x')), domain(), "").status().message(),
              HasSubstr("choose a shorter -dataDir"));
  EXPECT_THAT(
      StateFolder::open(temp.path("s"), domain(), "/" + std::string(107, 'x')).status().message(),
      HasSubstr("choose a shorter -socketPath"));
  EXPECT_TRUE(StateFolder::open(temp.path("s"), domain(), "/" + std::string(106, 'x')).ok());
}

TEST(StateFolder, KnowsWhetherTheAgentHasAnSvidAndItsKeys) {
  const TestFolder temp;
  const auto folder = StateFolder::open(temp.path("s"), domain(), "");
  ASSERT_TRUE(folder.ok());
  write_agent_data(*folder, R"({"svid": ["LS0t"]})");
  EXPECT_FALSE(folder->agent_has_svid()) << "without keys it is of no use";
  std::ofstream(folder->agent_data() + "/keys.json") << "{}";
  EXPECT_TRUE(folder->agent_has_svid());
  EXPECT_TRUE(folder->forget_agent().ok());
  EXPECT_FALSE(folder->agent_has_svid());
  write_agent_data(*folder, R"({"svid": null, "bundle": ["x"]})");
  EXPECT_FALSE(folder->agent_has_svid());
  write_agent_data(*folder, "{torn");
  EXPECT_FALSE(folder->agent_has_svid());
  write_agent_data(*folder, R"({"svid": ["LS0t"]})");
  EXPECT_TRUE(folder->agent_has_svid());
  EXPECT_TRUE(folder->forget_agent().ok());
  EXPECT_FALSE(folder->agent_has_svid());
  EXPECT_TRUE(folder->forget_agent().ok()) << "a second time there is nothing to forget";
}

}  // namespace
}  // namespace signet::dev
