#include "lane.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

namespace signet::agent {
namespace {

using namespace std::chrono_literals;

// A host whose workers are as many as the work.
class ThreadHost {
 public:
  ThreadHost() : host_(*quiet_.abi()) {
    host_.get_service = [](const signet_host*, const char* id) -> const void* {
      static constexpr signet_host_executor kExecutor = {
          sizeof(signet_host_executor), 0,
          [](const signet_host*, void (*fn)(void*), void* arg) -> signet_status {
            std::thread(fn, arg).detach();
            return SIGNET_OK;
          }};
      return std::string_view(id) == SIGNET_HOST_EXECUTOR ? &kExecutor : nullptr;
    };
  }
  Host host() const { return Host(&host_); }

 private:
  fakes::FakeHost quiet_;
  signet_host host_;
};

TEST(Lane, RunsSoMuchAtOnceAndTheRestInOrder) {
  ThreadHost host;
  Lane lane(host.host(), 2, 3);
  std::atomic<bool> open{false};
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
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
  open = true;
  for (int i = 0; i < 1000 && done < 5; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(done, 5);
  EXPECT_EQ(most, 2);
  EXPECT_TRUE(lane.run(work).ok());
  for (int i = 0; i < 1000 && done < 6; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(done, 6);
}

TEST(Lane, WorkThatThrowsGivesItsPlaceBack) {
  ThreadHost host;
  Lane lane(host.host(), 1, 10);
  std::atomic<int> done{0};
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

}  // namespace
}  // namespace signet::agent
