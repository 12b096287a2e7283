#include "loop.h"

#include <gtest/gtest.h>

#include "test_host.h"

namespace signet::agent::test {
namespace {

using std::chrono::seconds;

TEST(Loop, RunsAtTheTimesItChooses) {
  TestHost host;
  int runs = 0;
  Loop loop(host.host(), [&] { return seconds(++runs); });
  loop.start(seconds(1));
  host.advance(seconds(1));
  EXPECT_EQ(runs, 1);
  host.advance(seconds(1));
  EXPECT_EQ(runs, 2);
  host.advance(seconds(1));
  EXPECT_EQ(runs, 2);
  host.advance(seconds(1));
  EXPECT_EQ(runs, 3);
}

TEST(Loop, AKickRunsItAtOnceAndOnlyOnce) {
  TestHost host;
  int runs = 0;
  Loop loop(host.host(), [&] {
    ++runs;
    return std::chrono::nanoseconds(seconds(10));
  });
  loop.start(seconds(10));
  for (int i = 0; i < 5; ++i) loop.kick();
  host.run();
  EXPECT_EQ(runs, 1);
  host.advance(seconds(9));
  EXPECT_EQ(runs, 1);  // the wait counts from the last run
  host.advance(seconds(1));
  EXPECT_EQ(runs, 2);
}

TEST(Loop, AKickDuringARoundMeansOneMore) {
  TestHost host;
  int runs = 0;
  Loop* self = nullptr;
  Loop loop(host.host(), [&] {
    if (++runs == 1) self->kick();
    return std::chrono::nanoseconds(seconds(10));
  });
  self = &loop;
  loop.start(seconds(0));
  host.run();
  EXPECT_EQ(runs, 2);
}

TEST(Loop, NothingRunsAfterStop) {
  TestHost host;
  int runs = 0;
  Loop loop(host.host(), [&] {
    ++runs;
    return std::chrono::nanoseconds(seconds(1));
  });
  loop.start(seconds(0));
  host.run();
  loop.stop();
  loop.kick();
  host.advance(seconds(10));
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace signet::agent::test
