#include "cli/interrupt.h"

#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

#include "cli/io.h"

namespace signet::cli {
namespace {

class InterruptTest : public testing::Test {
 protected:
  fakes::FakeCall abi_call;
  const Call call{abi_call.abi()};
};

TEST_F(InterruptTest, ComesWithTheCancelOfTheCall) {
  Interrupt interrupt(call);
  EXPECT_FALSE(interrupt.come());
  EXPECT_FALSE(interrupt.wait(std::chrono::milliseconds(0)));
  abi_call.cancel();
  EXPECT_TRUE(interrupt.come());
  EXPECT_TRUE(interrupt.wait(std::chrono::hours(1)));
}

TEST_F(InterruptTest, OneThatCameBeforeIsThereFromTheBeginning) {
  abi_call.cancel();
  EXPECT_TRUE(Interrupt(call).come());
}

TEST_F(InterruptTest, EndsTheWaitForInput) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "half a line", 11), 11);
  Interrupt interrupt(call);
  const int fds[3] = {ends[0], STDOUT_FILENO, STDERR_FILENO};
  const Io io(fds, &interrupt);
  std::thread ctrl_c([this] { abi_call.cancel(); });
  EXPECT_EQ(io.read_in(100).status().code(), Code::kCancelled);
  ctrl_c.join();
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace signet::cli
