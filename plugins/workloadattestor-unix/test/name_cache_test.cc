#include "name_cache.h"

#include <unistd.h>

#include <gtest/gtest.h>

namespace signet::unix_attestor {
namespace {

constexpr std::int64_t kLifetime = NameCache::kLifetime.count();

TEST(NameCache, AsksOnceInTenSeconds) {
  int asked = 0;
  NameCache cache([&](std::uint32_t id) {
    return NameLookup{"user" + std::to_string(id) + "." + std::to_string(++asked), false};
  });
  EXPECT_EQ(cache.find(7, 100), "user7.1");
  EXPECT_EQ(cache.find(7, 100 + kLifetime - 1), "user7.1");
  EXPECT_EQ(cache.find(7, 100 + kLifetime), "user7.2");
  EXPECT_EQ(cache.find(8, 100), "user8.3");
}

TEST(NameCache, RemembersThatThereIsNoNameButNoFailure) {
  int asked = 0;
  bool fails = false;
  NameCache cache([&](std::uint32_t) {
    ++asked;
    return NameLookup{std::nullopt, fails};
  });
  EXPECT_EQ(cache.find(7, 0), std::nullopt);
  EXPECT_EQ(cache.find(7, 1), std::nullopt);
  EXPECT_EQ(asked, 1);
  fails = true;
  EXPECT_EQ(cache.find(8, 0), std::nullopt);
  EXPECT_EQ(cache.find(8, 1), std::nullopt);
  EXPECT_EQ(asked, 3);
}

TEST(NameCache, DoesNotGrowWithoutEnd) {
  int asked = 0;
  NameCache cache([&](std::uint32_t) {
    ++asked;
    return NameLookup{std::nullopt, false};
  });
  for (std::uint32_t id = 0; id <= NameCache::kMaxEntries; ++id) cache.find(id, 0);
  cache.find(0, 0);  // forgotten when it became too many
  EXPECT_EQ(asked, static_cast<int>(NameCache::kMaxEntries) + 2);
}

TEST(NameLookup, KnowsRootAndAbsentNumbers) {
  EXPECT_EQ(look_up_user(0).name, "root");
  EXPECT_EQ(look_up_group(0).name, "root");
  const NameLookup absent = look_up_user(4000000123);
  EXPECT_EQ(absent.name, std::nullopt);
  EXPECT_FALSE(absent.failed);
}

}  // namespace
}  // namespace signet::unix_attestor
