#include "exec/worker_pool.h"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace signet::kernel {
namespace {

using std::chrono::milliseconds;

TEST(WorkerPool, RunsTasksOnWorkers) {
  WorkerPool pool;
  const auto lane = pool.make_lane(4, 100);
  std::promise<bool> ran;
  ASSERT_TRUE(lane->post([&] { ran.set_value(Lane::on_worker()); }));
  EXPECT_TRUE(ran.get_future().get());
  EXPECT_FALSE(Lane::on_worker());
}

TEST(WorkerPool, ALaneOfOneRunsItsTasksInOrder) {
  WorkerPool pool;
  const auto lane = pool.make_lane(1, 2000);
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(lane->post([&order, i] { order.push_back(i); }));
  ASSERT_TRUE(lane->wait_quiet(milliseconds(10'000)));
  ASSERT_EQ(order.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(WorkerPool, ALaneNeverRunsMoreThanItsCap) {
  WorkerPool pool;
  const auto lane = pool.make_lane(3, 1000);
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  for (int i = 0; i < 60; ++i) {
    lane->post([&] {
      int running = ++now;
      int seen = most;
      while (running > seen && !most.compare_exchange_weak(seen, running)) {
      }
      // The first waits for company; its threads may be slow to begin.
      for (int i = 0; i < 5000 && most < 2; ++i) std::this_thread::sleep_for(milliseconds(1));
      std::this_thread::sleep_for(milliseconds(1));
      --now;
    });
  }
  ASSERT_TRUE(lane->wait_quiet(milliseconds(10'000)));
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 2);
}

TEST(WorkerPool, AFullLaneRefuses) {
  WorkerPool pool;
  const auto lane = pool.make_lane(1, 2);
  std::promise<void> hold;
  std::promise<void> begun;
  auto held = hold.get_future().share();
  ASSERT_TRUE(lane->post([&begun, held] {
    begun.set_value();
    held.wait();
  }));
  begun.get_future().wait();
  EXPECT_TRUE(lane->post([] {}));
  EXPECT_TRUE(lane->post([] {}));
  EXPECT_FALSE(lane->post([] {}));
  hold.set_value();
  EXPECT_TRUE(lane->wait_quiet(milliseconds(10'000)));
  EXPECT_TRUE(lane->post([] {}));
  EXPECT_TRUE(lane->wait_quiet(milliseconds(10'000)));
}

TEST(WorkerPool, AClosedLaneFinishesWhatItHasAndTakesNoMore) {
  WorkerPool pool;
  const auto lane = pool.make_lane(1, 100);
  std::atomic<int> ran{0};
  for (int i = 0; i < 10; ++i) lane->post([&] { ++ran; });
  lane->close();
  EXPECT_FALSE(lane->post([&] { ++ran; }));
  EXPECT_TRUE(lane->wait_quiet(milliseconds(10'000)));
  EXPECT_EQ(ran, 10);
}

TEST(WorkerPool, BlockedTasksOfOneLaneDoNotHoldUpAnother) {
  WorkerPool pool;
  const auto slow = pool.make_lane(4, 100);
  const auto quick = pool.make_lane(1, 100);
  std::promise<void> hold;
  auto held = hold.get_future().share();
  for (int i = 0; i < 20; ++i) slow->post([held] { held.wait(); });
  std::promise<void> ran;
  quick->post([&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  hold.set_value();
  EXPECT_TRUE(slow->wait_quiet(milliseconds(10'000)));
}

TEST(WorkerPool, IdleThreadsLeave) {
  WorkerPool pool({.max_threads = 16, .min_threads = 1, .idle = milliseconds(20)});
  const auto lane = pool.make_lane(8, 100);
  std::promise<void> hold;
  auto held = hold.get_future().share();
  for (int i = 0; i < 8; ++i) lane->post([held] { held.wait(); });
  EXPECT_GE(pool.threads(), 8u);
  hold.set_value();
  ASSERT_TRUE(lane->wait_quiet(milliseconds(10'000)));
  for (int i = 0; i < 1000 && pool.threads() > 1; ++i) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(pool.threads(), 1u);
}

TEST(WorkerPool, ManyThreadsPostAtOnce) {
  WorkerPool pool;
  const auto lane = pool.make_lane(8, 100'000);
  std::atomic<int> ran{0};
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) EXPECT_TRUE(lane->post([&] { ++ran; }));
    });
  }
  for (auto& poster : posters) poster.join();
  ASSERT_TRUE(lane->wait_quiet(milliseconds(20'000)));
  EXPECT_EQ(ran, 8000);
}

}  // namespace
}  // namespace signet::kernel
