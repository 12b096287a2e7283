#include "unix_attestor.h"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <iterator>
#include <pwd.h>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "signet/testing/fake_host.h"

#include "crypto/encoding.h"
#include "crypto/hash.h"

namespace signet::unix_attestor {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::uint64_t start_time_of(pid_t pid) {
  return *process::parse_start_time(read_file("/proc/" + std::to_string(pid) + "/stat"));
}

int pidfd_of(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

signet_workload_peer peer_of(pid_t pid, int pidfd = -1) {
  return {sizeof(signet_workload_peer), pid, pidfd, 0, 0, 0, start_time_of(pid)};
}

// A child that sleeps until it is killed, optionally under other ids.
class Child {
 public:
  explicit Child(std::vector<gid_t> groups = {}, gid_t gid = 0, uid_t uid = 0) {
    int ready[2];
    if (::pipe(ready) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      bool good = true;
      if (!groups.empty()) {
        good = ::setgroups(groups.size(), groups.data()) == 0 && ::setgid(gid) == 0 &&
               ::setuid(uid) == 0;
      }
      char byte = good ? 'y' : 'n';
      if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1 || byte != 'y') std::abort();
    ::close(ready[0]);
    ::close(ready[1]);
    pidfd_ = pidfd_of(pid_);
  }
  ~Child() {
    end();
    ::close(pidfd_);
  }
  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_; }

 private:
  pid_t pid_;
  int pidfd_;
};

class Unix : public testing::Test {
 protected:
  ~Unix() override { ::unsetenv("HOST_PROC"); }
  void configure(std::string_view json) {
    fakes::FakeCall abi;
    Call call(abi.abi());
    const Status status = plugin_.configure(call, json);
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  Result<std::vector<std::string>> attest(const signet_workload_peer& peer) {
    return plugin_.attest(peer, INT64_MAX);
  }

  fakes::FakeHost host_;
  UnixAttestor plugin_{Host(host_.abi()), "unix"};
};

TEST_F(Unix, TellsTheIdsAndNamesOfAProcess) {
  configure("{}");
  const auto selectors = attest(peer_of(::getpid(), pidfd_of(::getpid())));
  ASSERT_TRUE(selectors.ok()) << selectors.status().to_string();
  EXPECT_THAT(*selectors, IsSupersetOf({"uid:" + std::to_string(::geteuid()),
                                        "gid:" + std::to_string(::getegid())}));
  // By the C library's own look-up, so that it is not the attestor's that is asked.
  const auto named = [&](const char* prefix) {
    return std::any_of(selectors->begin(), selectors->end(),
                       [&](const std::string& s) { return s.starts_with(prefix); });
  };
  const passwd* const user = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe): one thread
  EXPECT_EQ(named("user:"), user != nullptr);
  if (user != nullptr) {
    EXPECT_THAT(*selectors, Contains(std::string("user:") + user->pw_name));
  }
  const group* const primary = ::getgrgid(::getegid());  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(named("group:"), primary != nullptr);
  if (primary != nullptr) {
    EXPECT_THAT(*selectors, Contains(std::string("group:") + primary->gr_name));
  }
  for (const std::string& selector : *selectors) {
    EXPECT_FALSE(selector.starts_with("path:") || selector.starts_with("sha256:"));
  }
}

TEST_F(Unix, TellsOneSelectorPerSupplementaryGroup) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to start a process under other ids";
  configure("{}");
  const Child child({0, 4000000001}, 4000000002, 4000000003);
  const auto selectors = attest(peer_of(child.pid(), child.pidfd()));
  ASSERT_TRUE(selectors.ok()) << selectors.status().to_string();
  EXPECT_THAT(*selectors, ElementsAre("uid:4000000003", "gid:4000000002", "supplementary_gid:0",
                                      "supplementary_group:root", "supplementary_gid:4000000001"));
}

TEST_F(Unix, TellsPathAndDigestOfTheProgram) {
  configure(R"({"discover_workload_path": true})");
  const auto selectors = attest(peer_of(::getpid()));
  ASSERT_TRUE(selectors.ok()) << selectors.status().to_string();
  const std::string program = fs::read_symlink("/proc/self/exe");
  const std::string content = read_file(program);
  EXPECT_THAT(*selectors, IsSupersetOf({"path:" + program,
                                        "sha256:" + crypto::hex_encode(crypto::sha256(content))}));
}

TEST_F(Unix, LeavesTheDigestOutOnANegativeLimit) {
  configure(R"({"discover_workload_path": true, "workload_size_limit": -1})");
  const auto selectors = attest(peer_of(::getpid()));
  ASSERT_TRUE(selectors.ok());
  EXPECT_TRUE(selectors->back().starts_with("path:"));
}

TEST_F(Unix, FailsForAProgramOverTheLimit) {
  const auto size = static_cast<std::int64_t>(fs::file_size("/proc/self/exe"));
  configure(R"({"discover_workload_path": true, "workload_size_limit": )" +
            std::to_string(size - 1) + "}");
  const auto refused = attest(peer_of(::getpid()));
  EXPECT_EQ(refused.status().code(), Code::kInternal);
  EXPECT_THAT(refused.status().message(), HasSubstr("workload_size_limit"));
  configure(R"({"discover_workload_path": true, "workload_size_limit": )" + std::to_string(size) +
            "}");
  EXPECT_TRUE(attest(peer_of(::getpid())).ok());
}

TEST_F(Unix, StopsHashingAtTheDeadline) {
  configure(R"({"discover_workload_path": true})");
  EXPECT_EQ(plugin_.attest(peer_of(::getpid()), 0).status().code(), Code::kDeadlineExceeded);
}

// A user's subordinate numbers are groups enough to keep a directory server busy for long.
TEST_F(Unix, StopsLookingGroupsUpAtTheDeadline) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to start a process with other groups";
  configure("{}");
  const Child child({4000000001, 4000000002}, 1, 1);
  EXPECT_EQ(plugin_.attest(peer_of(child.pid(), child.pidfd()), 0).status().code(),
            Code::kDeadlineExceeded);
}

TEST_F(Unix, RefusesAProcessThatHasEnded) {
  configure("{}");
  Child child;
  const signet_workload_peer with_pidfd = peer_of(child.pid(), child.pidfd());
  const signet_workload_peer without = peer_of(child.pid());
  ASSERT_TRUE(attest(with_pidfd).ok());
  ASSERT_TRUE(attest(without).ok());
  child.end();
  EXPECT_THAT(attest(with_pidfd).status().message(), HasSubstr("has ended"));
  EXPECT_THAT(attest(without).status().message(), HasSubstr("has ended"));
}

// The number of an ended process belongs to another one now: played by asking for our own number
// with the pidfd, or the start time, of the one that ended.
TEST_F(Unix, IsNotTakenInByANumberUsedAgain) {
  configure("{}");
  Child child;
  signet_workload_peer peer = peer_of(::getpid(), child.pidfd());
  child.end();
  EXPECT_FALSE(attest(peer).ok());
  peer = peer_of(::getpid());
  peer.start_time -= 1;
  EXPECT_FALSE(attest(peer).ok());
}

TEST_F(Unix, RefusesNumbersThatAreNone) {
  configure("{}");
  for (const std::int32_t pid : {0, -1}) {
    signet_workload_peer peer = peer_of(::getpid());
    peer.pid = pid;
    EXPECT_EQ(attest(peer).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(Unix, ReadsWhatHostProcNames) {
  std::string pattern = (fs::temp_directory_path() / "host_proc_XXXXXX").string();
  const fs::path root = ::mkdtemp(pattern.data());
  fs::create_directory(root / "77");
  std::ofstream(root / "77" / "stat") << "77 (a) b) S" << [] {
    std::string fields;
    for (int field = 4; field < 22; ++field) fields += " " + std::to_string(field);
    return fields;
  }() << " 555 0\n";
  std::string groups;
  for (std::uint32_t gid = 4000000000; gid < 4000005000; ++gid) {
    groups += std::to_string(gid) + " ";
  }
  std::ofstream(root / "77" / "status")
      << "Name:\tx\\nUid:\t0\nUid:\t4000000001\t4000000002\t3\t4\nGid:\t5\t4000000006\t7\t8\n"
      << "Groups:\t" << groups << "\nNStgid:\t77\n";
  ::setenv("HOST_PROC", root.c_str(), 1);
  configure("{}");
  const signet_workload_peer peer = {sizeof(peer), 77, -1, 0, 0, 0, 555};
  const auto selectors = attest(peer);
  ASSERT_TRUE(selectors.ok()) << selectors.status().to_string();
  ASSERT_EQ(selectors->size(), 2u + 5000u);
  EXPECT_EQ((*selectors)[0], "uid:4000000002");
  EXPECT_EQ((*selectors)[1], "gid:4000000006");
  EXPECT_EQ(selectors->back(), "supplementary_gid:4000004999");

  std::ofstream(root / "77" / "status") << std::string((1 << 20) + 1, 'x');
  EXPECT_THAT(attest(peer).status().message(), HasSubstr("too large"));
  fs::remove_all(root);
}

TEST_F(Unix, EmitsThroughItsTable) {
  configure("{}");
  std::size_t count = 0;
  fakes::FakeCall call([&](std::uint32_t kind, const void* msg, std::size_t) {
    ASSERT_EQ(kind, SIGNET_KIND_SELECTORS);
    count += static_cast<const signet_selectors*>(msg)->count;
  });
  const auto* table =
      static_cast<const signet_workload_attestor*>(UnixAttestor::service(SIGNET_WORKLOAD_ATTESTOR));
  const signet_workload_peer peer = peer_of(::getpid());
  EXPECT_EQ(table->attest(to_abi(&plugin_), call.abi(), &peer), SIGNET_OK);
  EXPECT_GE(count, 2u);
}

}  // namespace
}  // namespace signet::unix_attestor
