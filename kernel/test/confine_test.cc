// Each test runs in a process of its own, since nothing that is given up comes back.
#include "app/confine.h"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <signal.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "app/every_thread.h"
#include "test_files.h"

namespace signet::kernel {
namespace {

constexpr std::uint64_t kNetBindService = 1u << 10;
constexpr std::uint64_t kSysPtrace = 1u << 19;

// Whether `body`, which must not use gtest, says true.
bool in_a_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string field(const std::string& status_file, const std::string& name) {
  std::ifstream file(status_file);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  return "";
}

std::uint64_t held(const std::string& status_file, const std::string& name) {
  return std::strtoull(field(status_file, name).c_str(), nullptr, 16);
}

TEST(Capabilities, AreKnownByName) {
  const auto mask = parse_capabilities({"net_bind_service", "sys_ptrace"});
  ASSERT_TRUE(mask.ok());
  EXPECT_EQ(*mask, kNetBindService | kSysPtrace);
  EXPECT_EQ(*parse_capabilities({}), 0u);
}

TEST(Capabilities, OneThatDoesNotExistIsNamed) {
  const auto mask = parse_capabilities({"net_bind_servce"});
  ASSERT_FALSE(mask.ok());
  EXPECT_EQ(mask.status().code(), Code::kInvalidArgument);
  EXPECT_NE(mask.status().message().find("net_bind_servce"), std::string::npos);
}

TEST(Capabilities, OfTheEnvironmentStandBetweenCommas) {
  setenv("SIGNET_KEEP_CAPABILITIES", "sys_ptrace,,net_bind_service,", 1);
  const auto both = capabilities_kept_by_environment();
  setenv("SIGNET_KEEP_CAPABILITIES", "CAP_SYS_PTRACE", 1);
  const auto wrong = capabilities_kept_by_environment();
  unsetenv("SIGNET_KEEP_CAPABILITIES");
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(*both, kNetBindService | kSysPtrace);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().message().find("SIGNET_KEEP_CAPABILITIES"), std::string::npos);
}

// Of all threads, the ones that were there before too.
TEST(Capabilities, EveryThreadKeepsThoseOfTheMaskOnly) {
  EXPECT_TRUE(in_a_child([] {
    std::atomic<bool> done{false};
    std::atomic<pid_t> other{0};
    std::thread early([&] {
      other = gettid();
      while (!done) usleep(1000);
    });
    while (other == 0) usleep(100);
    const std::uint64_t before = held("/proc/self/status", "CapPrm");
    bool right = drop_capabilities(kSysPtrace).ok();
    std::thread late(
        [&] { right = right && field("/proc/thread-self/status", "NoNewPrivs") == "1"; });
    late.join();
    for (const pid_t thread : {getpid(), other.load()}) {
      const std::string file = "/proc/self/task/" + std::to_string(thread) + "/status";
      right = right && held(file, "CapPrm") == (before & kSysPtrace) &&
              held(file, "CapEff") == (before & kSysPtrace) && held(file, "CapInh") == 0 &&
              held(file, "CapAmb") == 0 && field(file, "NoNewPrivs") == "1";
    }
    done = true;
    early.join();
    return right;
  }));
}

#ifndef SIGNET_SANITIZED
bool missing(long result) { return result == -1 && errno == ENOSYS; }

// Filters in a child where an early thread waits, then asks both threads.
bool filtered(const std::function<bool()>& holds) {
  return in_a_child([&] {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    std::atomic<bool> ready{false};
    bool early_holds = false;
    std::thread early([&] {
      while (!ready) usleep(1000);
      early_holds = holds();
    });
    const Status done = filter_system_calls();
    ready = true;
    early.join();
    if (done.code() == Code::kUnimplemented) return true;
    return done.ok() && early_holds && holds();
  });
}

TEST(SystemCalls, NothingIsExecutedAndNoChildIsMade) {
  EXPECT_TRUE(filtered([] {
    char name[] = "/bin/true";
    char* const words[] = {name, nullptr};
    return missing(execve(name, words, nullptr)) && missing(fork());
  }));
}

TEST(SystemCalls, NothingIsTracedMountedOrLoaded) {
  EXPECT_TRUE(filtered([] {
    return missing(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)) &&
           missing(mount("none", "/nowhere", "tmpfs", 0, nullptr)) &&
           missing(unshare(0x10000000)) && missing(syscall(SYS_bpf, 0, nullptr, 0)) &&
           missing(syscall(SYS_io_uring_setup, 1, nullptr)) &&
           missing(syscall(SYS_keyctl, 0, 0, 0, 0, 0)) &&
           missing(syscall(SYS_process_vm_readv, getppid(), nullptr, 0, nullptr, 0, 0)) &&
           missing(syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0)) &&
           missing(syscall(SYS_userfaultfd, 0)) &&
           missing(syscall(SYS_init_module, nullptr, 0, ""));
  }));
}

TEST(SystemCalls, SocketsAreOfTheNetworkAndOfThisMachineOnly) {
  EXPECT_TRUE(filtered([] {
    return missing(socket(AF_PACKET, SOCK_RAW, 0)) && missing(socket(AF_ALG, SOCK_SEQPACKET, 0)) &&
           missing(socket(AF_VSOCK, SOCK_STREAM, 0)) && socket(AF_UNIX, SOCK_STREAM, 0) >= 0 &&
           socket(AF_INET, SOCK_STREAM, 0) >= 0;
  }));
}

TEST(SystemCalls, ThreadsAndFilesGoOnAsBefore) {
  EXPECT_TRUE(filtered([] {
    bool ran = false;
    std::thread([&] { ran = true; }).join();
    std::ifstream self("/proc/self/status");
    return ran && self.good();
  }));
}

// Two folders, a file in the second and a link to it in the first.
class Folders {
 public:
  Folders() {
    for (const char* name : {"in", "out"}) std::filesystem::create_directory(*this / name);
    root_.write("out/file", "kept");
    std::filesystem::create_symlink(*this / "out/file", *this / "in/link");
  }
  std::string operator/(const char* name) const { return root_.file(name); }

 private:
  const TempDir root_;
};

// Whether a call was refused; errno tells.
bool denied(long result) { return result < 0 && (errno == EACCES || errno == EXDEV); }

TEST(Writes, GoToTheFoldersNamedOnly) {
  const Folders folders;
  EXPECT_TRUE(in_a_child([&] {
    std::atomic<bool> ready{false};
    bool early_holds = false;
    const auto holds = [&](const char* own) {
      const std::string inside = folders / own;
      const int fd = open(inside.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      return fd >= 0 && rename(inside.c_str(), (inside + "2").c_str()) == 0 &&
             open("/dev/null", O_RDWR) >= 0 &&
             open((folders / "out/file").c_str(), O_RDONLY) >= 0 &&
             denied(open((folders / "out/file").c_str(), O_WRONLY)) &&
             denied(open((folders / "in/link").c_str(), O_WRONLY)) &&
             denied(truncate((folders / "out/file").c_str(), 0)) &&
             denied(open((folders / "out/new").c_str(), O_WRONLY | O_CREAT, 0600)) &&
             denied(unlink((folders / "out/file").c_str())) &&
             denied(mkdir((folders / "out/folder").c_str(), 0700)) &&
             denied(rename((inside + "2").c_str(), (folders / "out/moved").c_str())) &&
             denied(rename((folders / "out/file").c_str(), (folders / "in/moved").c_str()));
    };
    std::thread early([&] {
      while (!ready) usleep(1000);
      early_holds = holds("in/early");
    });
    const Status done = confine_writes({folders / "in"});
    ready = true;
    const bool late_holds = holds("in/late");
    early.join();
    return done.code() == Code::kUnimplemented || (done.ok() && early_holds && late_holds);
  }));
}

// It is asked again and again meanwhile, and Landlock takes sixteen rule sets of a thread at most.
TEST(Writes, AThreadThatAnswersLateIsConfinedOnce) {
  const Folders folders;
  EXPECT_TRUE(in_a_child([&] {
    sigset_t asked;
    sigemptyset(&asked);
    sigaddset(&asked, kAskSignal);
    std::atomic<bool> deaf{false};
    std::thread late([&] {
      pthread_sigmask(SIG_BLOCK, &asked, nullptr);
      deaf = true;
      usleep(100'000);
      pthread_sigmask(SIG_UNBLOCK, &asked, nullptr);
    });
    while (!deaf) usleep(100);
    const Status done = confine_writes({folders / "in"});
    late.join();
    return done.code() == Code::kUnimplemented || done.ok();
  }));
}

TEST(Writes, AFolderThatIsNotThereIsAnError) {
  const Folders folders;
  EXPECT_TRUE(in_a_child([&] {
    const Status done = confine_writes({folders / "nowhere"});
    return done.code() == Code::kUnimplemented ||
           (!done.ok() && done.message().find("nowhere") != std::string::npos);
  }));
}
#endif

}  // namespace
}  // namespace signet::kernel
