#include "lane.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "signet/testing/thread_host.h"

namespace signet::agent {
namespace {

using namespace std::chrono_literals;

TEST(Lane, RunsSoMuchAtOnceAndTheRestInOrder) {
  std::atomic<bool> open{false};
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  fakes::ThreadHost host;
  Lane lane(host.host(), 2, 3);
  const auto work = [&] {
    const int now = ++running;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    while (!open) std::this_thread::sleep_for(1ms);
    --running;
    ++done;
  };
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(lane.run(work).ok()) << i;
  EXPECT_EQ(lane.run(work).code(), Code::kUnavailable) << "two run and three wait";
  for (int i = 0; i < 1000 && running < 2; ++i) std::this_thread::sleep_for(5ms);
  open = true;
  for (int i = 0; i < 1000 && done < 5; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(done, 5);
  EXPECT_EQ(most, 2);
  EXPECT_TRUE(lane.run(work).ok());
  for (int i = 0; i < 1000 && done < 6; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(done, 6);
}

TEST(Lane, NobodyTakesAllPlaces) {
  std::atomic<bool> open{false};
  std::atomic<int> running{0};
  std::atomic<int> others{0};
  std::atomic<int> done{0};
  fakes::ThreadHost host;
  Lane lane(host.host(), 3, 8, {2, 3});
  const auto busy = [&] {
    ++running;
    while (!open) std::this_thread::sleep_for(1ms);
    ++done;
  };
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(lane.run(busy, 1).ok()) << i;
  EXPECT_FALSE(lane.run(busy, 1).ok()) << "two run and three wait";
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(lane.run([&] { ++others; }, 2).ok()) << i;
  for (int i = 0; i < 1000 && others < 3; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(others, 3);
  EXPECT_LE(running, 2);
  open = true;
  for (int i = 0; i < 1000 && done < 5; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(done, 5);
}

TEST(Lane, WorkThatThrowsGivesItsPlaceBack) {
  std::atomic<int> done{0};
  fakes::ThreadHost host;
  Lane lane(host.host(), 1, 10);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(lane.run([&] {
                      ++done;
                      throw 1;
                    })
                    .ok());
  }
  for (int i = 0; i < 1000 && done < 3; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(done, 3);
}

TEST(Lane, WhatRunsMayOutliveIt) {
  std::atomic<bool> open{false};
  std::atomic<int> done{0};
  fakes::ThreadHost host;  // joins its threads when it goes, before what they touch
  {
    Lane lane(host.host(), 1, 10);
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(lane.run([&] {
                        while (!open) std::this_thread::sleep_for(1ms);
                        ++done;
                      })
                      .ok());
    }
  }
  open = true;
  for (int i = 0; i < 1000 && done < 3; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(done, 3);
}

}  // namespace
}  // namespace signet::agent
