#include "rotation.h"

#include <gtest/gtest.h>

namespace signet::agent {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// How often of 2,000 questions the answer is yes.
template <typename Fn>
double share(Fn fn) {
  int yes = 0;
  for (int i = 0; i < 2000; ++i) yes += fn() ? 1 : 0;
  return yes / 2000.0;
}

TEST(Rotation, IsDueBetweenFortyFiveAndFiftyFivePercentOfTheLife) {
  EXPECT_EQ(share([] { return past_half_life(0, 1000, 449); }), 0);
  EXPECT_EQ(share([] { return past_half_life(0, 1000, 551); }), 1);
  EXPECT_NEAR(share([] { return past_half_life(0, 1000, 500); }), 0.5, 0.08);
}

TEST(Rotation, WhatHasNoLifeOrIsOverIsDue) {
  EXPECT_TRUE(past_half_life(10, 10, 0));
  EXPECT_TRUE(past_half_life(10, 5, 0));
  EXPECT_TRUE(past_half_life(0, 10, 10));
}

TEST(Rotation, AnAvailabilityTargetRenewsEarlierWhenThereIsGrace) {
  const std::int64_t week = 7 * 86400;
  const double early = week - 86400 * 5;  // five days left
  EXPECT_EQ(share([&] { return should_rotate_x509(0, week, early, seconds(0)); }), 0);
  EXPECT_EQ(share([&] { return should_rotate_x509(0, week, early, hours(24 * 6)); }), 1);
  // Twelve hours of grace or less: half-life alone.
  EXPECT_EQ(share([&] { return should_rotate_x509(0, 36 * 3600, 3600, hours(24)); }), 0);
}

TEST(Rotation, BackoffGrowsByHalfUpToItsCapAndStartsAnew) {
  Backoff backoff(seconds(5), seconds(12));
  const auto within = [&](double expected) {
    const double got = static_cast<double>(backoff.next().count()) / 1e9;
    EXPECT_NEAR(got, expected, expected * 0.101);
  };
  for (const double expected : {5.0, 7.5, 11.25, 12.0, 12.0}) within(expected);
  backoff.reset();
  within(5.0);
}

}  // namespace
}  // namespace signet::agent
