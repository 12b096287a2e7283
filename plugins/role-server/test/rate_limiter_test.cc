#include "rate_limiter.h"

#include <gtest/gtest.h>

namespace signet::server {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kForever = INT64_MAX;

TEST(RateLimiter, LetsTheBurstPassAtOnce) {
  RateLimiter limiter;
  for (int i = 0; i < 500; ++i) {
    const auto wait = limiter.take(Limit::kCsr, "10.0.0.1", 1, kSecond, kForever);
    ASSERT_TRUE(wait);
    EXPECT_EQ(*wait, 0);
  }
  const auto wait = limiter.take(Limit::kCsr, "10.0.0.1", 1, kSecond, kForever);
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, kSecond / 500);
}

TEST(RateLimiter, MakesTheSecondAttestationWaitASecond) {
  RateLimiter limiter;
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), 0);
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), kSecond);
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), 2 * kSecond);
}

TEST(RateLimiter, CountsAddressesApart) {
  RateLimiter limiter;
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), 0);
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.2", 1, kSecond, kForever), 0);
}

TEST(RateLimiter, RefusesWhatIsLargerThanTheBucket) {
  RateLimiter limiter;
  const auto wait = limiter.take(Limit::kCsr, "10.0.0.1", 501, kSecond, kForever);
  ASSERT_FALSE(wait);
  EXPECT_EQ(wait.status().code(), Code::kResourceExhausted);
  EXPECT_EQ(wait.status().message(), "rate (501) exceeds burst size (500)");
}

TEST(RateLimiter, RefusesAWaitPastTheDeadlineAndTakesNothing) {
  RateLimiter limiter;
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), 0);
  EXPECT_FALSE(limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kSecond + kSecond / 2));
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), kSecond);
}

TEST(RateLimiter, WhoeverDoesNotWaitGivesBackWhatItTook) {
  RateLimiter limiter;
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), 0);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), kSecond);
    limiter.give_back(Limit::kAttest, "10.0.0.1", 1, kSecond);
  }
  for (int i = 0; i < 5; ++i) limiter.give_back(Limit::kAttest, "10.0.0.1", 1, kSecond);
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), 0);
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, kSecond, kForever), kSecond)
      << "never more than the bucket holds";
}

TEST(RateLimiter, RemembersABucketThroughOneGeneration) {
  RateLimiter limiter;
  EXPECT_EQ(*limiter.take(Limit::kAttest, "10.0.0.1", 1, 59 * kSecond, kForever), 0);
  for (int i = 0; i < 5; ++i) {
    (void)limiter.take(Limit::kAttest, "10.0.0.1", 1, 59 * kSecond, kForever);
  }
  const auto wait = limiter.take(Limit::kAttest, "10.0.0.1", 1, 61 * kSecond, kForever);
  EXPECT_GT(*wait, 0);  // the debt of a moment ago still counts
}

}  // namespace
}  // namespace signet::server
