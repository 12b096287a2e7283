#include "join_tokens.h"

#include <gtest/gtest.h>

#include "server_fakes.h"

namespace signet::server {
namespace {

class JoinTokensTest : public ::testing::Test {
 protected:
  testing::QuietHost host_;
  Datastore store_ = *Datastore::acquire(host_.host());
};

TEST_F(JoinTokensTest, TheDatastoreNeverSeesTheToken) {
  ASSERT_TRUE(create_join_token(store_, "0123456789abcdef", 2000).ok());
  const auto records = host_.store().all("join_token");
  ASSERT_EQ(records.size(), 1u);
  // What nodeattestor-join-token looks for: sha256, as `printf 0123456789abcdef | sha256sum` says.
  EXPECT_EQ(records[0]->id, "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f");
  EXPECT_EQ(records[0]->expires_at, 2000);
  EXPECT_EQ(records[0]->body.find("0123456789abcdef"), std::string::npos);
}

TEST_F(JoinTokensTest, TheSameTokenTwiceIsRefused) {
  ASSERT_TRUE(create_join_token(store_, "0123456789abcdef", 2000).ok());
  EXPECT_EQ(create_join_token(store_, "0123456789abcdef", 3000).code(), Code::kAlreadyExists);
}

TEST_F(JoinTokensTest, PruningTakesTheExpiredOnly) {
  ASSERT_TRUE(create_join_token(store_, "a", 1000).ok());
  ASSERT_TRUE(create_join_token(store_, "b", 3000).ok());
  EXPECT_EQ(*prune_join_tokens(store_, 2000), 1u);
  EXPECT_EQ(host_.store().all("join_token").size(), 1u);
}

}  // namespace
}  // namespace signet::server
