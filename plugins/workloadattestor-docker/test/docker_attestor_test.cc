#include "docker_attestor.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <sched.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "signet/testing/fake_host.h"
#include "signet/testing/test_cgroup.h"

#include "fake_engine.h"

namespace signet::docker {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

const std::string kC(64, 'c');
const std::string kD(64, 'd');
const std::string kScope = "docker-" + kC + ".scope";

// A process that waits until it is ended.
class Child {
 public:
  explicit Child(const std::function<bool()>& prepare = {}) {
    int ready[2];
    if (pipe(ready) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      const char byte = !prepare || prepare() ? 'y' : 'n';
      if (write(ready[1], &byte, 1) != 1) _exit(1);
      while (true) pause();
    }
    char byte = 0;
    prepared_ = read(ready[0], &byte, 1) == 1 && byte == 'y';
    close(ready[0]);
    close(ready[1]);
    pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(pidfd_);
  }
  pid_t pid() const { return pid_; }
  bool prepared() const { return prepared_; }
  signet_workload_peer peer() const {
    return {sizeof(signet_workload_peer), pid_, pidfd_, 0, 0, 0, 0};
  }

 private:
  pid_t pid_;
  int pidfd_ = -1;
  bool prepared_ = false;
};

std::string container_json(pid_t first, const std::string& id = kC) {
  return R"({"Id": ")" + id + R"(", "Image": "sha256:aa", "State": {"Pid": )" +
         std::to_string(first) +
         R"(}, "Config": {"Labels": {"app": "db"}, "Env": ["A=1"], "Image": "db:1"}})";
}

// ---- the engine's socket alone

class EngineTest : public testing::Test {
 protected:
  Result<std::string> inspect(FakeEngine& fake, std::chrono::milliseconds time,
                              const std::string& id = kC) {
    const auto engine = Engine::open(fake.path(), {}, "1.41");
    if (!engine) return engine.status();
    return engine->inspect_container(id, time);
  }
};

TEST_F(EngineTest, AsksForTheContainerInTheWantedVersion) {
  FakeEngine fake([](int fd, const std::string&) { FakeEngine::answer_with(fd, 200, "{}"); });
  EXPECT_EQ(*inspect(fake, std::chrono::seconds(20)), "{}");
  EXPECT_EQ(fake.requests(), std::vector<std::string>{"/v1.41/containers/" + kC + "/json"});
}

TEST_F(EngineTest, AsksForNothingThatIsNoId) {
  FakeEngine fake([](int fd, const std::string&) { FakeEngine::answer_with(fd, 200, "{}"); });
  for (const std::string& id : {std::string(), std::string(".."), std::string("a/b"),
                                std::string("a?b"), std::string("a%2fb"), std::string(129, 'a')}) {
    EXPECT_EQ(inspect(fake, std::chrono::seconds(20), id).status().code(), Code::kInvalidArgument);
  }
  EXPECT_TRUE(fake.requests().empty());
}

TEST_F(EngineTest, BoundsWhatItTakes) {
  FakeEngine huge([](int fd, const std::string&) {
    FakeEngine::answer_with(fd, 200, std::string(kMaxAnswerBytes + 1, ' '));
  });
  EXPECT_EQ(inspect(huge, std::chrono::seconds(20)).status().code(), Code::kResourceExhausted);

  FakeEngine* drips = nullptr;
  FakeEngine dripping([&drips](int fd, const std::string&) {
    FakeEngine::write_all(fd, "HTTP/1.1 200 x\r\n\r\n{");
    while (!drips->over()) {
      if (send(fd, " ", 1, MSG_NOSIGNAL) != 1) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  drips = &dripping;
  EXPECT_EQ(inspect(dripping, std::chrono::milliseconds(300)).status().code(),
            Code::kDeadlineExceeded);

  FakeEngine cut([](int fd, const std::string&) {
    FakeEngine::write_all(fd, "HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\n{\"Id\":");
  });
  EXPECT_EQ(inspect(cut, std::chrono::seconds(20)).status().code(), Code::kUnavailable);

  FakeEngine babbling([](int fd, const std::string&) {
    FakeEngine::write_all(fd, "what is it that you want\r\n\r\n");
  });
  EXPECT_EQ(inspect(babbling, std::chrono::seconds(20)).status().code(), Code::kUnavailable);
}

TEST_F(EngineTest, TakesAUsersSocketFromThatUserOnly) {
  FakeEngine fake([](int fd, const std::string&) { FakeEngine::answer_with(fd, 200, "{}"); });
  EXPECT_TRUE(Engine::open(fake.path(), getuid(), "").ok());
  EXPECT_EQ(Engine::open(fake.path(), getuid() + 1, "").status().code(), Code::kPermissionDenied);
  const std::string link = fake.path() + ".link";
  ASSERT_EQ(symlink(fake.path().c_str(), link.c_str()), 0);
  EXPECT_FALSE(Engine::open(link, getuid(), "").ok()) << "it may lead to another service";
  EXPECT_TRUE(Engine::open(link, {}, "").ok());
  EXPECT_FALSE(Engine::open(fake.path() + ".none", {}, "").ok());
  EXPECT_FALSE(Engine::open("/etc/passwd", {}, "").ok());
}

// An agent that started as root keeps no right to connect to what other users keep to themselves.
TEST_F(EngineTest, SaysThatASocketIsNotForTheAgent) {
  if (getuid() != 0) GTEST_SKIP() << "needs root, to make a socket of another user";
  FakeEngine fake([](int fd, const std::string&) { FakeEngine::answer_with(fd, 200, "{}"); });
  ASSERT_EQ(chown(fake.path().c_str(), 1, 1), 0);
  ASSERT_EQ(chmod(fake.path().c_str(), 0600), 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};  // this thread's
  __user_cap_data_struct all[2] = {}, most[2] = {};
  ASSERT_EQ(syscall(SYS_capget, &header, all), 0);
  most[0] = all[0], most[1] = all[1];
  most[0].effective &= ~(1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH);
  ASSERT_EQ(syscall(SYS_capset, &header, most), 0);
  const Status refused = inspect(fake, std::chrono::seconds(20)).status();
  ASSERT_EQ(chmod(fake.path().c_str(), 0666), 0);
  const auto open_to_all = inspect(fake, std::chrono::seconds(20));
  const std::string folder = std::filesystem::path(fake.path()).parent_path();
  ASSERT_EQ(chown(folder.c_str(), 1, 1), 0);
  const Status hidden = inspect(fake, std::chrono::seconds(20)).status();
  ASSERT_EQ(chown(folder.c_str(), 0, 0), 0);
  ASSERT_EQ(syscall(SYS_capset, &header, all), 0);
  EXPECT_EQ(refused.code(), Code::kPermissionDenied);
  EXPECT_THAT(refused.message(), HasSubstr("no permission to connect to " + fake.path()));
  EXPECT_TRUE(open_to_all.ok()) << open_to_all.status().to_string();
  EXPECT_EQ(hidden.code(), Code::kPermissionDenied);
}

// ---- whole

class Docker : public testing::Test {
 protected:
  void configure(const std::string& json) {
    fakes::FakeCall abi;
    Call call(abi.abi());
    const Status status = plugin_.configure(call, json);
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  void configure() { configure(R"({"docker_socket_path": "unix://)" + engine_.path() + "\"}"); }
  Result<std::vector<std::string>> attest(const Child& child) {
    return plugin_.attest(child.peer(), INT64_MAX);
  }
  std::size_t asked(std::string_view what) const {
    std::size_t count = 0;
    for (const std::string& path : engine_.requests()) count += path.find(what) == 0 ? 1 : 0;
    return count;
  }

  fakes::TestCgroup groups_;
  // What the engine says: a status and a body for each request about a container.
  std::function<std::pair<int, std::string>(std::size_t nth)> container_ = [](std::size_t) {
    return std::pair(404, std::string());
  };
  std::pair<int, std::string> image_{200, R"({"Id": "sha256:bb"})"};
  std::size_t nth_ = 0;
  FakeEngine engine_{[this](int fd, const std::string& path) {
    const auto [status, body] = path.starts_with("/containers/") ? container_(nth_++) : image_;
    FakeEngine::answer_with(fd, status, body);
  }};
  fakes::FakeHost host_;
  DockerAttestor plugin_{Host(host_.abi()), "docker"};
};

#define SKIP_WITHOUT_CGROUPS(moved) \
  if (!(moved)) GTEST_SKIP() << "this kernel lets the test make no cgroup"

TEST_F(Docker, HasNoSelectorsForAProcessInNoContainer) {
  const Child child;
  SKIP_WITHOUT_CGROUPS(groups_.move(child.pid(), "service"));
  configure();
  const auto found = attest(child);
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_TRUE(found->empty());
  EXPECT_TRUE(engine_.requests().empty());
}

TEST_F(Docker, TellsTheContainerOfAProcess) {
  const Child first, child;
  SKIP_WITHOUT_CGROUPS(groups_.move(first.pid(), kScope + "/init"));
  ASSERT_TRUE(groups_.move(child.pid(), kScope));
  container_ = [&](std::size_t) { return std::pair(200, container_json(first.pid())); };
  configure();
  const auto found = attest(child);
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_THAT(*found, UnorderedElementsAre("label:app:db", "env:A=1", "image_id:db:1",
                                           "image_config_digest:sha256:bb"));
  EXPECT_EQ(engine_.requests(),
            (std::vector<std::string>{"/containers/" + kC + "/json", "/images/sha256:aa/json"}));
}

TEST_F(Docker, GoesOnWithoutTheImage) {
  const Child first;
  SKIP_WITHOUT_CGROUPS(groups_.move(first.pid(), kScope));
  container_ = [&](std::size_t) { return std::pair(200, container_json(first.pid())); };
  configure();
  for (const auto& answer : {std::pair(404, std::string()), std::pair(200, std::string("[")),
                             std::pair(200, std::string("{}"))}) {
    image_ = answer;
    const auto found = attest(first);
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    EXPECT_EQ(found->size(), 3u);
  }
}

TEST_F(Docker, TriesFourTimes) {
  const Child first;
  SKIP_WITHOUT_CGROUPS(groups_.move(first.pid(), kScope));
  configure();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(attest(first).status().code(), Code::kUnavailable);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(700));
  EXPECT_EQ(asked("/containers/"), 4u);

  // It knows the container at the second time, and its process at the fourth.
  container_ = [&](std::size_t nth) {
    if (nth == 4) return std::pair(500, std::string());
    return std::pair(200, container_json(nth == 7 ? first.pid() : 0));
  };
  EXPECT_TRUE(attest(first).ok());
  EXPECT_EQ(asked("/containers/"), 8u);
}

TEST_F(Docker, EndsInTimeWhenTheEngineIsAwayOrHangs) {
  const Child first;
  SKIP_WITHOUT_CGROUPS(groups_.move(first.pid(), kScope));
  configure(R"({"docker_socket_path": "unix:///nowhere/docker.sock"})");
  EXPECT_EQ(attest(first).status().code(), Code::kUnavailable);
  FakeEngine* hangs = nullptr;
  FakeEngine hanging([&hangs](int, const std::string&) {
    while (!hangs->over()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  hangs = &hanging;
  configure(R"({"docker_socket_path": "unix://)" + hanging.path() + "\"}");
  const std::int64_t soon = Host(host_.abi()).deadline_in(std::chrono::milliseconds(1500));
  EXPECT_EQ(plugin_.attest(first.peer(), soon).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(hanging.requests().size(), 1u);
}

// A cgroup of the caller's own making that bears the ID of a container it is not in.
TEST_F(Docker, BelievesNoCgroupThatIsNotTheContainers) {
  const Child first, forger;
  SKIP_WITHOUT_CGROUPS(groups_.move(first.pid(), kScope));
  ASSERT_TRUE(groups_.move(forger.pid(), "user.service/" + kScope));
  container_ = [&](std::size_t) { return std::pair(200, container_json(first.pid())); };
  configure();
  EXPECT_TRUE(attest(first).ok());
  const auto refused = attest(forger);
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("is not in the container"));
  // Within another container too.
  ASSERT_TRUE(groups_.move(forger.pid(), "docker-" + kD + ".scope/" + kC));
  EXPECT_EQ(attest(forger).status().code(), Code::kFailedPrecondition);
}

// A process that is older than the container cannot have come with it.
TEST_F(Docker, BelievesNoFirstProcessThatIsYounger) {
  const Child old;
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // the kernel counts in 10 ms
  const Child young;
  SKIP_WITHOUT_CGROUPS(groups_.move(old.pid(), kScope));
  ASSERT_TRUE(groups_.move(young.pid(), kScope));
  container_ = [&](std::size_t) { return std::pair(200, container_json(young.pid())); };
  configure();
  EXPECT_TRUE(attest(young).ok());
  EXPECT_EQ(attest(old).status().code(), Code::kFailedPrecondition);
}

// Engines find containers by their names too, and a name may look like an ID.
TEST_F(Docker, BelievesNoAnswerAboutAnotherContainer) {
  const Child first;
  SKIP_WITHOUT_CGROUPS(groups_.move(first.pid(), kScope));
  container_ = [&](std::size_t) { return std::pair(200, container_json(first.pid(), kD)); };
  configure();
  EXPECT_EQ(attest(first).status().code(), Code::kFailedPrecondition);
}

// A mount of the container's cgroup in a namespace of the caller's own: its mount table names the
// container, and only the container's own namespace counts.
TEST_F(Docker, BelievesNoMountThatIsNotTheContainers) {
  const Child holder;
  SKIP_WITHOUT_CGROUPS(groups_.move(holder.pid(), kScope));
  std::ifstream file("/proc/" + std::to_string(holder.pid()) + "/cgroup");
  std::string line, cgroup;
  while (std::getline(file, line)) {
    if (line.starts_with("0::")) cgroup = line.substr(3);
  }
  std::string source;
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (std::filesystem::exists(root + cgroup)) source = root + cgroup;
  }
  const auto mount_it = [&] {
    return unshare(CLONE_NEWNS) == 0 &&
           mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount(source.c_str(), "/mnt", nullptr, MS_BIND, nullptr) == 0;
  };
  const Child inside(mount_it), forger(mount_it);
  if (!inside.prepared() || !forger.prepared()) GTEST_SKIP() << "no mount namespace to be had";
  ASSERT_TRUE(groups_.move(inside.pid(), "service"));
  ASSERT_TRUE(groups_.move(forger.pid(), "service"));
  container_ = [&](std::size_t) { return std::pair(200, container_json(inside.pid())); };
  configure();
  const auto found = attest(inside);
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_EQ(found->size(), 4u);
  EXPECT_EQ(attest(forger).status().code(), Code::kFailedPrecondition);
  // The former locator does not look at mounts at all.
  configure(R"({"use_new_container_locator": false})");
  EXPECT_TRUE(attest(forger)->empty());
}

TEST_F(Docker, AsksPodmanForItsContainers) {
  const Child first;
  const std::string scope = "libpod-" + kC + ".scope";
  SKIP_WITHOUT_CGROUPS(groups_.move(first.pid(), scope));
  container_ = [&](std::size_t) { return std::pair(200, container_json(first.pid())); };
  const std::string here = "unix://" + engine_.path();
  configure(R"({"podman_socket_path": ")" + here + R"(", "docker_version": "1.41"})");
  EXPECT_TRUE(attest(first).ok());
  EXPECT_EQ(asked("/containers/"), 1u) << "Podman has versions of its own";

  // A user's own: the socket must be that user's.
  const std::string folder = std::filesystem::path(engine_.path()).parent_path();
  configure(R"({"podman_socket_path_template": "unix://)" + folder + R"(/%d.sock"})");
  const std::string mine = std::to_string(getuid());
  const std::string other = std::to_string(getuid() + 1);
  std::filesystem::create_hard_link(engine_.path(), folder + "/" + mine + ".sock");
  std::filesystem::create_hard_link(engine_.path(), folder + "/" + other + ".sock");
  ASSERT_TRUE(groups_.move(first.pid(), "user-" + mine + ".slice/user-9.slice/" + scope));
  EXPECT_TRUE(attest(first).ok());
  ASSERT_TRUE(groups_.move(first.pid(), "user-" + other + ".slice/" + scope));
  EXPECT_EQ(attest(first).status().code(), Code::kPermissionDenied);
}

TEST_F(Docker, RefusesAProcessThatHasEnded) {
  configure();
  signet_workload_peer peer{};
  {
    const Child child;
    peer = child.peer();
    peer.pidfd = dup(peer.pidfd);
  }
  EXPECT_EQ(plugin_.attest(peer, INT64_MAX).status().code(), Code::kInternal);
  close(peer.pidfd);
}

}  // namespace
}  // namespace signet::docker
