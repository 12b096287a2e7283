#include "turns.h"

#include <atomic>

#include <gtest/gtest.h>

namespace signet::datastore_sql {
namespace {

using namespace std::chrono_literals;

TEST(WriterTurn, BehindASlowWriteOnlySoManyWait) {
  WriterTurn turn;
  ASSERT_TRUE(turn.take(1s).ok());
  std::atomic<int> refused{0};
  std::atomic<int> written{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&] {
      const Status taken = turn.take(std::chrono::nanoseconds::max());
      if (taken.ok()) {
        ++written;
        return turn.give_back();
      }
      EXPECT_EQ(taken.code(), Code::kUnavailable);
      ++refused;
    });
  }
  const auto many = static_cast<int>(WriterTurn::kMostBehindASlowOne);
  for (int i = 0; i < 1000 && refused < 40 - many; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(refused, 40 - many);
  turn.give_back();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(written, many);
}

TEST(WriterTurn, BehindAQuickOneEverybodyWaits) {
  WriterTurn turn;
  std::atomic<int> written{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 60; ++i) {
    threads.emplace_back([&] {
      ASSERT_TRUE(turn.take(20s).ok());
      std::this_thread::sleep_for(2ms);
      ++written;
      turn.give_back();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(written, 60);
}

}  // namespace
}  // namespace signet::datastore_sql
