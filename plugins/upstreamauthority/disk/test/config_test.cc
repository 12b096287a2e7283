#include "config.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace signet::disk_upstream {
namespace {

TEST(DiskUpstreamConfig, TakesTheFiles) {
  const auto config =
      Config::parse(R"({"cert_file_path": "/c", "key_file_path": "/k", "bundle_file_path": "/b"})");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(*config, (Config{"/c", "/k", "/b"}));
  EXPECT_TRUE(
      Config::parse(R"({"cert_file_path": "/c", "key_file_path": "/k"})")->bundle_file.empty());
}

TEST(DiskUpstreamConfig, RefusesWhatIsMissingOrNoText) {
  for (const char* json : {"{}", "[]", "{", R"({"cert_file_path": "/c"})",
                           R"({"cert_file_path": "/c", "key_file_path": ""})",
                           R"({"cert_file_path": 1, "key_file_path": "/k"})"}) {
    EXPECT_EQ(Config::parse(json).status().code(), Code::kInvalidArgument) << json;
  }
}

TEST(DiskUpstreamConfig, SchemaIsJson) {
  EXPECT_TRUE(nlohmann::json::parse(kSchema, nullptr, false).is_object());
}

}  // namespace
}  // namespace signet::disk_upstream
