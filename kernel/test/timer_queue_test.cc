#include "exec/timer_queue.h"

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

namespace signet::kernel {
namespace {

class TimerQueueTest : public testing::Test {
 protected:
  ~TimerQueueTest() override { timers.stop(); }
  std::int64_t in(std::int64_t ms) { return monotonic_ns() + ms * 1'000'000; }

  TimerQueue timers;
  WorkerPool pool;
  std::shared_ptr<Lane> lane = pool.make_lane(4, 100);
};

void count(void* arg) { ++*static_cast<std::atomic<int>*>(arg); }

TEST_F(TimerQueueTest, FiresInOrderOfDeadlines) {
  struct State {
    std::string order;
    std::promise<void> done;
  };
  struct Arg {
    State* state;
    char letter;
  };
  const auto fn = [](void* arg) {
    auto& x = *static_cast<Arg*>(arg);
    x.state->order += x.letter;
    if (x.state->order.size() == 3) x.state->done.set_value();
  };
  const auto one_by_one = pool.make_lane(1, 100);
  // Nothing is said by a run in which the first was due before all of them were there.
  bool in_time = false;
  for (std::int64_t ahead = 10; !in_time && ahead < 10'000; ahead *= 4) {
    State state;
    Arg a{&state, 'a'}, b{&state, 'b'}, c{&state, 'c'};
    const std::int64_t first = in(ahead);
    timers.start(one_by_one, first + 20'000'000, 0, fn, &c);
    timers.start(one_by_one, first, 0, fn, &a);
    timers.start(one_by_one, first + 10'000'000, 0, fn, &b);
    in_time = monotonic_ns() < first;
    state.done.get_future().wait();
    EXPECT_TRUE(one_by_one->wait_quiet(std::chrono::seconds(10)));  // it has let go of `state`
    if (in_time) {
      EXPECT_EQ(state.order, "abc");
    }
  }
  EXPECT_TRUE(in_time);
}

TEST_F(TimerQueueTest, APeriodRepeatsUntilCancelled) {
  std::atomic<int> fired{0};
  const auto id = timers.start(lane, in(1), 2'000'000, count, &fired);
  EXPECT_NE(id, 0u);
  while (fired < 5) std::this_thread::yield();
  timers.cancel(id);
  const int then = fired;
  EXPECT_TRUE(lane->wait_quiet(std::chrono::seconds(10)));
  EXPECT_EQ(fired, then);
}

TEST_F(TimerQueueTest, CancelWaitsForTheRunningFunction) {
  struct State {
    std::promise<void> begun;
    std::atomic<bool> finished{false};
  } state;
  const auto id = timers.start(
      lane, in(0), 0,
      [](void* arg) {
        auto& s = *static_cast<State*>(arg);
        s.begun.set_value();
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        s.finished = true;
      },
      &state);
  state.begun.get_future().wait();
  timers.cancel(id);
  EXPECT_TRUE(state.finished);
}

TEST_F(TimerQueueTest, AFunctionMayCancelItsOwnTimer) {
  struct State {
    TimerQueue* timers;
    std::uint64_t id = 0;
    std::promise<void> done;
  } state{&timers, 0, {}};
  timers.start(
      lane, in(5), 1'000'000,
      [](void* arg) {
        auto& s = *static_cast<State*>(arg);
        s.timers->cancel(s.id);
        s.done.set_value();
      },
      &state, &state.id);
  state.done.get_future().wait();
  EXPECT_TRUE(lane->wait_quiet(std::chrono::seconds(10)));
}

TEST_F(TimerQueueTest, TryCancelTellsWhetherItWasInTime) {
  std::atomic<int> fired{0};
  const auto id = timers.start(lane, INT64_MAX, 0, count, &fired);
  EXPECT_TRUE(timers.try_cancel(id));
  EXPECT_FALSE(timers.try_cancel(id));
}

TEST_F(TimerQueueTest, AClosedLanesTimersAreForgotten) {
  std::atomic<int> fired{0};
  lane->close();
  const auto id = timers.start(lane, in(0), 1'000'000, count, &fired);
  const auto other = pool.make_lane(1, 10);
  std::promise<void> later;
  timers.start(
      other, in(50), 0, [](void* arg) { static_cast<std::promise<void>*>(arg)->set_value(); },
      &later);
  later.get_future().wait();
  EXPECT_TRUE(other->wait_quiet(std::chrono::seconds(10)));
  EXPECT_FALSE(timers.try_cancel(id));
  EXPECT_EQ(fired, 0);
}

TEST_F(TimerQueueTest, StartAndCancelFromManyThreads) {
  std::atomic<int> fired{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) timers.cancel(timers.start(lane, in(i % 3), 0, count, &fired));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(lane->wait_quiet(std::chrono::seconds(10)));
}

}  // namespace
}  // namespace signet::kernel
