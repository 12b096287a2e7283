// What a plugin is given of another role's configuration file.
#include "life/config_file.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "test_files.h"

namespace signet::kernel {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ConfigFile : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    return folder_.write(name, text);
  }
  json read(const std::string& path, bool expand_env = false) {
    const auto text = read_config_file(path, expand_env);
    EXPECT_TRUE(text) << text.status().to_string();
    return text ? json::parse(*text) : json();
  }

  const TempDir folder_;
};

TEST_F(ConfigFile, BlocksAndPluginsAreTakenApart) {
  const json file = read(write("server.conf", R"(
server { trust_domain = "example.org" }
server { bind_port = "8081" }
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" } }
  KeyManager "memory" {}
}
)"));
  EXPECT_EQ(file["blocks"]["server"]["trust_domain"], "example.org");
  EXPECT_EQ(file["blocks"]["server"]["bind_port"], "8081");
  EXPECT_FALSE(file["blocks"].contains("plugins"));
  EXPECT_EQ(file["plugins"], json::parse(R"([
    {"type": "DataStore", "name": "sql", "data": {"database_type": "sqlite3"}},
    {"type": "KeyManager", "name": "memory", "data": {}}])"));
}

TEST_F(ConfigFile, EveryWayToWriteAPluginIsOne) {
  const json want = json::parse(R"([{"type": "DataStore", "name": "sql", "data": {"a": 1}}])");
  EXPECT_EQ(
      read(write("a.json",
                 R"({"plugins": {"DataStore": {"sql": {"plugin_data": {"a": 1}}}}})"))["plugins"],
      want);
  EXPECT_EQ(
      read(write("b.json",
                 R"({"plugins": {"DataStore": [{"sql": {"plugin_data": {"a": 1}}}]}})"))["plugins"],
      want);
}

TEST_F(ConfigFile, ADataFileStandsForTheData) {
  const std::string data = write("data.json", R"({"keys_path": "k"})");
  const json file = read(write(
      "server.conf", "plugins { KeyManager \"disk\" { plugin_data_file = \"" + data + "\" } }"));
  EXPECT_EQ(file["plugins"][0]["data"]["keys_path"], "k");
}

TEST_F(ConfigFile, TheEnvironmentIsPutInWhenAsked) {
  ::setenv("CONFIG_FILE_TEST_DOMAIN", "from.env", 1);
  const std::string path =
      write("server.conf", "server { trust_domain = \"$CONFIG_FILE_TEST_DOMAIN\" }");
  EXPECT_EQ(read(path, true)["blocks"]["server"]["trust_domain"], "from.env");
  EXPECT_EQ(read(path, false)["blocks"]["server"]["trust_domain"], "$CONFIG_FILE_TEST_DOMAIN");
}

TEST_F(ConfigFile, MistakesHaveTheirPlace) {
  EXPECT_EQ(read_config_file(folder_.file("none"), false).status().code(), Code::kNotFound);
  const auto bad = read_config_file(write("bad.conf", "server {\n  x = = 1\n}"), false);
  EXPECT_EQ(bad.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(bad.status().message(), HasSubstr("bad.conf:2:"));
}

}  // namespace
}  // namespace signet::kernel
