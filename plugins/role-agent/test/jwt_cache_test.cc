#include "jwt_cache.h"

#include <gtest/gtest.h>

#include "fake_server.h"
#include "wire.h"

namespace signet::agent::test {
namespace {

class JwtCacheTest : public ::testing::Test {
 protected:
  JwtCacheTest() {
    server.add(entry("1", "/me", {"unix:uid:0"}));
    me = entry_from_wire(server.entries["1"]).value();
  }
  Result<JwtSvidPtr> fetch(const std::vector<std::string>& audience) {
    return cache.fetch(*me, audience, INT64_MAX);
  }
  TestHost host;
  FakeServer server{host};
  JwtCache cache{host.host(), server, {3, std::chrono::seconds(5)}};
  EntryPtr me;
};

TEST_F(JwtCacheTest, ATokenIsAskedForOnceWhateverTheOrderOfTheAudience) {
  const auto first = fetch({"a", "b"});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*fetch({"b", "a"}), *first);
  EXPECT_EQ(cache.cached(*me, {"b", "a"}), *first);
  EXPECT_EQ(server.jwts, 1);
  ASSERT_TRUE(fetch({"a"}).ok());
  ASSERT_TRUE(fetch({"a", "a", "b"}).ok());
  EXPECT_EQ(server.jwts, 3);
}

TEST_F(JwtCacheTest, IsRenewedAfterAboutHalfOfItsLife) {
  ASSERT_TRUE(fetch({"a"}).ok());
  host.advance(std::chrono::seconds(130));
  EXPECT_NE(cache.cached(*me, {"a"}), nullptr);
  host.advance(std::chrono::seconds(40));
  EXPECT_EQ(cache.cached(*me, {"a"}), nullptr);
  ASSERT_TRUE(fetch({"a"}).ok());
  EXPECT_EQ(server.jwts, 2);
}

TEST_F(JwtCacheTest, WithoutTheServerTheOldTokenServesUntilItExpires) {
  const auto first = fetch({"a"});
  server.failure = Status::unavailable("the server is away");
  host.advance(std::chrono::seconds(299));
  const auto old = fetch({"a"});
  ASSERT_TRUE(old.ok());
  EXPECT_EQ(*old, *first);
  host.advance(std::chrono::seconds(1));
  EXPECT_EQ(fetch({"a"}).status().code(), Code::kUnavailable);
}

TEST_F(JwtCacheTest, HoldsNoMoreThanItsLimitAndDropsTheLeastRecentlyUsed) {
  for (const char* audience : {"a", "b", "c"}) ASSERT_TRUE(fetch({audience}).ok());
  (void)cache.cached(*me, {"a"});
  ASSERT_TRUE(fetch({"d"}).ok());
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_NE(cache.cached(*me, {"a"}), nullptr);
  EXPECT_EQ(cache.cached(*me, {"b"}), nullptr);
}

TEST_F(JwtCacheTest, TokensWithAJtiAreNeverShared) {
  server.entries["1"].mutable_additional_attributes()->set_jwt_svid_include_jti(true);
  me = entry_from_wire(server.entries["1"]).value();
  ASSERT_TRUE(fetch({"a"}).ok());
  ASSERT_TRUE(fetch({"a"}).ok());
  EXPECT_EQ(server.jwts, 2);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(JwtCacheTest, DropsTheTokensOfATaintedAuthority) {
  ASSERT_TRUE(fetch({"a"}).ok());
  EXPECT_EQ(cache.taint({"another"}), 0u);
  EXPECT_EQ(cache.taint({"kid-1"}), 1u);
  EXPECT_EQ(cache.cached(*me, {"a"}), nullptr);
}

}  // namespace
}  // namespace signet::agent::test
