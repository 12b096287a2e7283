#include "agent_data.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "crypto/encoding.h"
#include "fake_server.h"
#include "x509/pem.h"

namespace signet::agent {
namespace {

class AgentDataTest : public ::testing::Test {
 protected:
  AgentDataTest() {
    char name[] = "/tmp/agent-data-XXXXXX";
    folder = mkdtemp(name);
  }
  ~AgentDataTest() override { std::filesystem::remove_all(folder); }
  void write(const std::string& text) { std::ofstream(folder + "/agent-data.json") << text; }

  std::string folder;
  x509::Certificate certificate = test::Authority::make("example.org", 1'700'000'000).certificate;
};

TEST_F(AgentDataTest, WhatIsStoredIsLoadedAgain) {
  const AgentDataFile file(folder);
  EXPECT_TRUE(file.load()->svid.empty());  // no file yet
  AgentData data;
  data.svid = {certificate};
  data.bundle = {certificate, certificate};
  data.reattestable = true;
  ASSERT_TRUE(file.store(data).ok());
  const auto loaded = file.load();
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->svid, data.svid);
  EXPECT_EQ(loaded->bundle.size(), 2u);
  EXPECT_TRUE(loaded->reattestable);
  struct stat info {};
  ASSERT_EQ(stat(file.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(AgentDataTest, HasThePeersForm) {
  AgentData data;
  data.svid = {certificate};
  const auto json = nlohmann::json::parse(data.to_json());
  EXPECT_EQ(json.at("svid").at(0).get<std::string>(),
            crypto::base64_encode(crypto::as_bytes(x509::write_pem(certificate))));
  EXPECT_TRUE(json.at("bundle").is_null());
  EXPECT_EQ(json.at("reattestable"), false);
  EXPECT_EQ(json.at("bootstrap_use"), 0);
  EXPECT_EQ(json.at("bootstrap_start_time"), "0001-01-01T00:00:00Z");
  EXPECT_EQ(json.at("connection_attempts"), 0);
}

TEST_F(AgentDataTest, ReadsATimeAsGoWritesIt) {
  const auto started = [](const std::string& time) {
    const auto data = AgentData::from_json(R"({"bootstrap_start_time":")" + time + "\"}");
    return data ? data->bootstrap_started : -1;
  };
  EXPECT_EQ(started("0001-01-01T00:00:00Z"), 0);
  EXPECT_EQ(started("2026-01-01T00:00:00Z"), 1767225600);
  EXPECT_EQ(started("2026-01-01T01:30:00.123456789+01:30"), 1767225600);
  EXPECT_EQ(started("2025-12-31T19:00:00-05:00"), 1767225600);
  for (const char* bad : {"", "2026", "2026-01-01T00:00:00", "2026-01-01T00:00:00Zx"})
    EXPECT_EQ(started(bad), -1) << bad;
  AgentData data;
  data.bootstrap_started = 1767225600;
  EXPECT_EQ(AgentData::from_json(data.to_json())->bootstrap_started, 1767225600);
}

TEST_F(AgentDataTest, ACorruptFileIsAnErrorThatNamesIt) {
  const AgentDataFile file(folder);
  for (const char* text : {"", "{", "[]", R"({"svid":"x"})", R"({"svid":["!"]})",
                           R"({"svid":["eA=="]})", R"({"reattestable":"yes"})"}) {
    write(text);
    const Status status = file.load().status();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition) << text;
    EXPECT_NE(status.message().find(file.path()), std::string::npos) << text;
  }
}

TEST_F(AgentDataTest, AFolderThatCannotBeWrittenLeavesTheFileAsItWas) {
  const AgentDataFile missing(folder + "/none");
  EXPECT_FALSE(missing.store({}).ok());
}

}  // namespace
}  // namespace signet::agent
