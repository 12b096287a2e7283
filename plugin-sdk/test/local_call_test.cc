#include "signet/local_call.h"

#include <thread>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

namespace signet {
namespace {

TEST(LocalCall, GivesCodeAndWordsOfWhatFailed) {
  LocalCall call;
  const Status status = call.run([](signet_call* c) {
    return c->ops->fail(c, SIGNET_UNAVAILABLE, to_abi(std::string_view("the disk is full")));
  });
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(), "the disk is full");
}

TEST(LocalCall, WaitsForWhatIsCompletedLater) {
  std::string emitted;
  LocalCall call(7, [&](std::uint32_t kind, const void* msg, std::size_t size) {
    emitted = std::to_string(kind) + std::string(static_cast<const char*>(msg), size);
  });
  std::thread worker;
  const Status status = call.run([&](signet_call* c) {
    EXPECT_EQ(c->deadline_ns, 7);
    worker = std::thread([c] {
      c->ops->emit(c, 3, "ab", 2);
      c->ops->complete(c, SIGNET_NOT_FOUND);
    });
    return static_cast<signet_status>(SIGNET_PENDING);
  });
  worker.join();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(emitted, "3ab");
}

TEST(LocalCall, IsCancelledWithTheCallItStandsFor) {
  fakes::FakeCall outer;
  const Call callee(outer.abi());
  LocalCall call(callee);
  const Status status = call.run([&](signet_call* c) {
    EXPECT_EQ(c->ops->cancelled(c), 0u);
    outer.cancel();
    EXPECT_EQ(c->ops->cancelled(c), 1u);
    return static_cast<signet_status>(SIGNET_OK);
  });
  EXPECT_TRUE(status.ok());
}

}  // namespace
}  // namespace signet
