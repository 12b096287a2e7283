#include "server_clock.h"

#include <gtest/gtest.h>

#include "test_host.h"

namespace signet::agent::test {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(ServerClock, RemembersHowFarOursIsAhead) {
  TestHost host;
  ServerClock clock(host.host());
  EXPECT_FALSE(clock.reading());
  const std::int64_t asked = host.host().wall_ns();
  host.advance(200ms);
  clock.compare(asked, asked - 60 * kSecond);
  host.advance(10s);
  ASSERT_TRUE(clock.reading());
  EXPECT_EQ(clock.reading()->ahead, 60s + 100ms);
  EXPECT_EQ(clock.reading()->age, 10s);
}

TEST(ServerClock, AnAnswerThatTookLongTellsNothing) {
  TestHost host;
  ServerClock clock(host.host());
  const std::int64_t asked = host.host().wall_ns();
  host.advance(5s);
  clock.compare(asked, asked);
  EXPECT_FALSE(clock.reading());
}

TEST(ServerClock, AClockThatWasSetSinceIsNotKnown) {
  TestHost host;
  ServerClock clock(host.host());
  clock.compare(host.host().wall_ns(), host.host().wall_ns() - 60 * kSecond);
  host.set_forward(-60s);
  EXPECT_FALSE(clock.reading());
}

}  // namespace
}  // namespace signet::agent::test
