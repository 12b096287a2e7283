#include "limits/token_buckets.h"

#include <gtest/gtest.h>

namespace signet::limits {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(TokenBuckets, ABucketHoldsASecondsTokens) {
  TokenBuckets buckets(10);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(buckets.take("a", 3, 1, kSecond, 0), 0);
  EXPECT_EQ(buckets.take("a", 3, 1, kSecond, 0), std::nullopt);
  EXPECT_EQ(buckets.take("a", 3, 1, kSecond + kSecond / 2, 0), 0);
  EXPECT_EQ(buckets.take("a", 3, 1, kSecond + kSecond / 2, 0), std::nullopt);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(buckets.take("a", 3, 1, 10 * kSecond, 0), 0);
  EXPECT_EQ(buckets.take("a", 3, 1, 10 * kSecond, 0), std::nullopt);
}

TEST(TokenBuckets, WhoMayWaitIsToldForHowLong) {
  TokenBuckets buckets(10);
  EXPECT_EQ(buckets.take("a", 1, 1, kSecond, INT64_MAX), 0);
  EXPECT_EQ(buckets.take("a", 1, 1, kSecond, INT64_MAX), kSecond);
  EXPECT_EQ(buckets.take("a", 1, 1, kSecond, kSecond), std::nullopt);
}

// Callers look at the clock before they are let in, so a later one may come with an earlier time.
TEST(TokenBuckets, TimeIsGainedOnceWhateverTheOrderOfTheCallers) {
  TokenBuckets buckets(10);
  EXPECT_EQ(buckets.take("a", 1, 1, 10 * kSecond, 0), 0);
  EXPECT_EQ(buckets.take("a", 1, 1, 9 * kSecond, INT64_MAX), kSecond);
  EXPECT_EQ(buckets.take("a", 1, 1, 10 * kSecond, INT64_MAX), 2 * kSecond);
}

TEST(TokenBuckets, ACostBeyondTheBucketIsNeverMet) {
  TokenBuckets buckets(10);
  EXPECT_EQ(buckets.take("a", 2, 3, kSecond, INT64_MAX), std::nullopt);
}

TEST(TokenBuckets, KeysAreCountedApart) {
  TokenBuckets buckets(10);
  EXPECT_EQ(buckets.take("a", 1, 1, kSecond, 0), 0);
  EXPECT_EQ(buckets.take("b", 1, 1, kSecond, 0), 0);
}

TEST(TokenBuckets, IdleOnesAreGoneAfterTwoMinutes) {
  TokenBuckets buckets(1000);
  for (int i = 0; i < 500; ++i) (void)buckets.take(std::to_string(i), 1, 1, kSecond, 0);
  EXPECT_EQ(buckets.size(), 500u);
  (void)buckets.take("new", 1, 1, 62 * kSecond, 0);
  EXPECT_EQ(buckets.size(), 501u);
  (void)buckets.take("new", 1, 1, 123 * kSecond, 0);
  EXPECT_LE(buckets.size(), 2u);
}

TEST(TokenBuckets, ABucketThatIsUsedOutlivesTheTurn) {
  TokenBuckets buckets(10);
  EXPECT_EQ(buckets.take("a", 1, 1, 60 * kSecond - 1, 0), 0);
  EXPECT_EQ(buckets.take("a", 1, 1, 60 * kSecond, 0), std::nullopt);
}

TEST(TokenBuckets, KeysBeyondTheLimitShareABucket) {
  TokenBuckets buckets(2);
  EXPECT_EQ(buckets.take("a", 1, 1, kSecond, 0), 0);
  EXPECT_EQ(buckets.take("b", 1, 1, kSecond, 0), 0);
  EXPECT_EQ(buckets.take("c", 1, 1, kSecond, 0), 0);
  EXPECT_EQ(buckets.take("d", 1, 1, kSecond, 0), std::nullopt);
  EXPECT_LE(buckets.size(), 3u);
}

}  // namespace
}  // namespace signet::limits
