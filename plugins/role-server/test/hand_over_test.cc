#include "hand_over.h"

#include <atomic>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "signet/testing/thread_host.h"

namespace signet::server {
namespace {

using namespace std::chrono_literals;

bool eventually(const std::function<bool()>& done) {
  for (int i = 0; i < 1000 && !done(); ++i) std::this_thread::sleep_for(5ms);
  return done();
}

TEST(HandOver, WhatIsToldDuringARunBringsExactlyOneMore) {
  std::atomic<int> runs{0};
  std::atomic<int> at_once{0};
  std::atomic<bool> open{false};
  fakes::ThreadHost host;
  HandOver work(host.host(), [&] {
    EXPECT_EQ(++at_once, 1);
    ++runs;
    EXPECT_TRUE(eventually([&] { return open.load(); }));
    --at_once;
  });
  work.tell();
  EXPECT_EQ(runs, 0) << "not before start()";
  work.start();
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  for (int i = 0; i < 10; ++i) work.tell();
  open = true;
  EXPECT_TRUE(eventually([&] { return runs == 2 && at_once == 0; }));
  work.stop();
  work.tell();
  EXPECT_EQ(runs, 2);
}

TEST(HandOver, OneThatHangsHoldsUpNoOther) {
  std::atomic<bool> open{false};
  std::atomic<int> hung{0};
  std::atomic<int> others{0};
  fakes::ThreadHost host;
  HandOver slow(host.host(), [&] {
    ++hung;
    EXPECT_TRUE(eventually([&] { return open.load(); }));
  });
  HandOver quick(host.host(), [&] { ++others; });
  slow.start();
  ASSERT_TRUE(eventually([&] { return hung == 1; }));
  quick.start();
  EXPECT_TRUE(eventually([&] { return others == 1; }));
  open = true;
  slow.stop();
}

}  // namespace
}  // namespace signet::server
