#include "config.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace signet::keymanager {
namespace {

TEST(DiskConfig, TakesTheServersFileOrTheAgentsFolder) {
  EXPECT_EQ(DiskConfig::parse(R"({"keys_path": "/a/k.json"})")->keys_file, "/a/k.json");
  EXPECT_EQ(DiskConfig::parse(R"({"directory": "/a", "keys_path": ""})")->keys_file,
            "/a/keys.json");
}

TEST(DiskConfig, RefusesBothNeitherAndOtherTypes) {
  for (const char* json : {R"({})", R"({"keys_path": "/a", "directory": "/b"})", R"([])",
                           R"({"keys_path": 7})", R"({"directory": null})", "{"}) {
    EXPECT_EQ(DiskConfig::parse(json).status().code(), Code::kInvalidArgument) << json;
  }
}

TEST(DiskConfig, SchemaIsJson) {
  EXPECT_TRUE(nlohmann::json::parse(kDiskSchema, nullptr, false).is_object());
}

}  // namespace
}  // namespace signet::keymanager
