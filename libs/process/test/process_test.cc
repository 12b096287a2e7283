#include "process/process.h"

#include <unistd.h>

#include <gtest/gtest.h>

namespace signet::process {
namespace {

TEST(ProcStatus, RefusesWhatIsNoStatus) {
  for (const char* text : {"", "Uid:\t1\nGid:\t1\t1\t1\t1\n", "Uid:\t1\tx\t1\t1\nGid:\t1\t1\t1\t1",
                           "Uid:\t1\t1\t1\t1", "Uid:\t1\t4294967296\t1\t1\nGid:\t1\t1\t1\t1",
                           "Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nGroups:\t1 x\n"}) {
    EXPECT_FALSE(parse_status(text).ok()) << text;
  }
  EXPECT_TRUE(parse_status("Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1")->groups.empty());
  EXPECT_FALSE(parse_start_time("").ok());
  EXPECT_FALSE(parse_start_time("1 (x) S 1 2").ok());
}

TEST(Process, ReadsATableThatComesInPieces) {
  const auto self = Process::open_now("/proc", ::getpid());
  ASSERT_TRUE(self.ok());
  const auto maps = self->read("smaps", 16 << 20);
  ASSERT_TRUE(maps.ok()) << maps.status().to_string();
  EXPECT_NE(maps->find("[stack]"), std::string::npos) << "the end of it";
  EXPECT_FALSE(self->read("smaps", 4096).ok());
  EXPECT_FALSE(self->read("none", 4096).ok());
  EXPECT_EQ(*self->identity_of("ns/mnt"),
            *Process::open_now("/proc", ::getppid())->identity_of("ns/mnt"));
  EXPECT_FALSE(Process::open_now("/proc", 0).ok());
}

}  // namespace
}  // namespace signet::process
