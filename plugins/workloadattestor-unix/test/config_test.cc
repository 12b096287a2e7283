#include "config.h"

#include <gtest/gtest.h>

namespace signet::unix_attestor {
namespace {

TEST(UnixConfig, HasDefaults) {
  const auto config = Config::parse("{}");
  ASSERT_TRUE(config.ok());
  EXPECT_FALSE(config->discover_workload_path);
  EXPECT_EQ(config->workload_size_limit, 0);
}

TEST(UnixConfig, ReadsItsSettingsAndPassesOverOthers) {
  const auto config =
      Config::parse(R"({"discover_workload_path": true, "workload_size_limit": -1, "other": 1})");
  ASSERT_TRUE(config.ok());
  EXPECT_TRUE(config->discover_workload_path);
  EXPECT_EQ(config->workload_size_limit, -1);
}

TEST(UnixConfig, RefusesOtherTypes) {
  for (const char* json : {"[]", "{", R"({"discover_workload_path": "yes"})",
                           R"({"workload_size_limit": 1.5})", R"({"workload_size_limit": "1"})"}) {
    EXPECT_EQ(Config::parse(json).status().code(), Code::kInvalidArgument) << json;
  }
}

}  // namespace
}  // namespace signet::unix_attestor
