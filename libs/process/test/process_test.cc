#include "process/process.h"

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

// A program that is held stays what it was when the process becomes another one.
TEST(Process, HoldsAProgram) {
  int go[2];
  ASSERT_EQ(::pipe2(go, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    char byte = 0;
    if (::read(go[0], &byte, 1) == 1) ::execl("/bin/sleep", "sleep", "60", nullptr);
    ::_exit(1);
  }
  const auto child = Process::open_now("/proc", pid);
  ASSERT_TRUE(child.ok());
  const auto program = child->hold_program();
  ASSERT_TRUE(program.ok());
  const auto before = *child->identity_of("exe");
  const std::string path = *child->path_of(*program);
  EXPECT_EQ(path, std::filesystem::read_symlink("/proc/self/exe"));
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  for (int i = 0; i < 2000 && *child->identity_of("exe") == before; ++i) ::usleep(5'000);
  EXPECT_NE(*child->identity_of("exe"), before);
  EXPECT_EQ(*child->path_of(*program), path);
  struct stat info {};
  const auto opened = child->open_held(*program);
  ASSERT_TRUE(opened.ok());
  ASSERT_EQ(::fstat(opened->get(), &info), 0);
  EXPECT_EQ(std::pair(info.st_dev, info.st_ino), before);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::close(go[0]);
  ::close(go[1]);
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
