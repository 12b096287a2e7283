// Unix sockets: where they may stand, with which modes, and who called.
#include <fcntl.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "peer_process.h"
#include "raw_socket.h"
#include "rpc_fixture.h"
#include "unix_listener.h"

namespace signet::test {
namespace {

mode_t mode_of(const std::string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 ? st.st_mode & 07777 : 0;
}

class RpcUnix : public RpcTest {};

TEST_F(RpcUnix, ModesAreExactUnderAnyUmask) {
  for (const mode_t mask : {0000, 0077, 0777}) {
    const mode_t old = umask(mask);
    const std::string base = folder_ + "/m" + std::to_string(mask);
    auto l = RpcListener::create(host_, "unix:" + base + "/deep/api.sock",
                                 R"({"socket_mode":"0777","folder_mode":"0755"})", nullptr);
    ASSERT_TRUE(l.ok());
    const Status served = (*l)->serve();
    umask(old);
    ASSERT_TRUE(served.ok()) << served.to_string();
    EXPECT_EQ(mode_of(base), 0755u);
    EXPECT_EQ(mode_of(base + "/deep"), 0755u);
    EXPECT_EQ(mode_of(base + "/deep/api.sock"), 0777u);
  }
}

TEST_F(RpcUnix, APathWithALivingListenerIsRefused) {
  auto first = listen();
  ASSERT_TRUE(first->serve().ok());
  auto second = listen();
  const Status s = second->serve();
  EXPECT_EQ(s.code(), Code::kAlreadyExists);
  EXPECT_NE(s.message().find(socket()), std::string::npos) << s.message();
  EXPECT_TRUE(std::filesystem::exists(socket()));
}

TEST_F(RpcUnix, ADeadSocketIsReplacedAndOurOwnRemovedAtTheEnd) {
  auto dead = rpc_grpc::bind_unix(socket(), 0700, 0700);
  ASSERT_TRUE(dead.ok()) << dead.status().to_string();
  close(dead->fd);
  auto l = listen();
  ASSERT_TRUE(l->serve().ok());
  EXPECT_TRUE(l->close(1s).ok());
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(RpcUnix, AFileInTheWayIsKept) {
  std::filesystem::create_directories(folder_ + "/run");
  close(open(socket().c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_EQ(listen()->serve().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(socket()));
}

TEST_F(RpcUnix, AFolderThatOthersCanWriteIsRefused) {
  std::filesystem::create_directories(folder_ + "/run");
  for (const mode_t mode : {0777, 0775, 0757}) {
    ASSERT_EQ(chmod((folder_ + "/run").c_str(), mode), 0);
    const Status s = listen()->serve();
    EXPECT_EQ(s.code(), Code::kPermissionDenied) << mode;
    EXPECT_NE(s.message().find("chmod go-w"), std::string::npos) << s.message();
  }
}

TEST_F(RpcUnix, AFolderOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "gives a folder away";
  std::filesystem::create_directories(folder_ + "/run");
  ASSERT_EQ(chown((folder_ + "/run").c_str(), 4242, 4242), 0);
  const Status s = listen()->serve();
  EXPECT_EQ(s.code(), Code::kPermissionDenied);
  EXPECT_NE(s.message().find("belongs to uid 4242"), std::string::npos) << s.message();
}

TEST_F(RpcUnix, AStickyFolderOfRootsIsFineOnTheWayAndNotAtTheEnd) {
  if (geteuid() != 0) GTEST_SKIP() << "makes a folder of root's";
  std::filesystem::create_directories(folder_ + "/run");
  ASSERT_EQ(chmod((folder_ + "/run").c_str(), 01777), 0);
  const Status s = listen()->serve();
  EXPECT_EQ(s.code(), Code::kPermissionDenied);
  EXPECT_NE(s.message().find("be taken for us while we are away"), std::string::npos)
      << s.message();
  auto below =
      RpcListener::create(host_, "unix:" + folder_ + "/run/signet/api.sock", "{}", nullptr);
  ASSERT_TRUE(below.ok());
  EXPECT_TRUE((*below)->serve().ok());
}

TEST_F(RpcUnix, ASymlinkInThePathIsRefused) {
  std::filesystem::create_directories(folder_ + "/real");
  std::filesystem::create_directory_symlink(folder_ + "/real", folder_ + "/run");
  const Status s = listen()->serve();
  EXPECT_EQ(s.code(), Code::kPermissionDenied);
  EXPECT_NE(s.message().find("symbolic link"), std::string::npos) << s.message();
}

TEST_F(RpcUnix, ATcpPortInUseIsNamed) {
  auto first = RpcListener::create(host_, "tcp:127.0.0.1:0", "{}", nullptr);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE((*first)->serve().ok());
  const std::string address = (*first)->address();
  auto second = RpcListener::create(host_, address, "{}", nullptr);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find(address.substr(4)), std::string::npos)
      << second.status().message();
}

TEST_F(RpcUnix, ThePeerIsTheProcessThatConnected) {
  auto l = listen();
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Who", [](ServerCall& call, const Raw&) -> Result<Raw> {
                const RpcPeer& p = call.peer();
                return Raw{std::to_string(p.pid) + " " + std::to_string(p.uid) + " " +
                           std::to_string(p.start_time) + " " + (p.pidfd >= 0 ? "pidfd" : "none")};
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  auto c = connect();
  const auto answer = c->call<Raw>("/t.T/Who", Raw{}, soon());
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->bytes, std::to_string(getpid()) + " " + std::to_string(getuid()) + " " +
                               std::to_string(rpc_grpc::process_start_time(getpid())) + " pidfd");
}

// The bytes of one gRPC call on a new connection, by hand: preface, SETTINGS, HEADERS with
// literals for path "/t.T/Who", one empty message.
std::string one_call() {
  std::string out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const auto frame = [&](char type, char flags, char stream, const std::string& body) {
    out.push_back(0);
    out.push_back(static_cast<char>(body.size() >> 8));
    out.push_back(static_cast<char>(body.size()));
    out.push_back(type);
    out.push_back(flags);
    out.append(3, '\0');
    out.push_back(stream);
    out += body;
  };
  frame(4, 0, 0, "");
  std::string headers;
  const auto field = [&](const std::string& k, const std::string& v) {
    headers.push_back(0);
    headers.push_back(static_cast<char>(k.size()));
    headers += k;
    headers.push_back(static_cast<char>(v.size()));
    headers += v;
  };
  field(":method", "POST");
  field(":scheme", "http");
  field(":path", "/t.T/Who");
  field(":authority", "localhost");
  field("te", "trailers");
  field("content-type", "application/grpc");
  frame(1, 4, 1, headers);
  frame(0, 1, 1, std::string(5, '\0'));
  return out;
}

// Children connect and leave in a hurry, so that descriptor numbers are used again all the time;
// each call must see the pid of its own connection. The child says its pid in the metadata-free
// way: it checks that the answer holds it.
TEST_F(RpcUnix, ACallNeverSeesAnotherConnectionsPeer) {
  auto l = listen();
  ASSERT_TRUE((l->unary<Raw, Raw>(
                   "/t.T/Who",
                   [](ServerCall& call, const Raw&) -> Result<Raw> {
                     return Raw{"<pid " + std::to_string(call.peer().pid) + ">"};
                   },
                   SIGNET_RPC_INLINE))
                  .ok());
  ASSERT_TRUE(l->serve().ok());
  const std::string path = socket();
  const std::string request = one_call();
  std::vector<pid_t> children;
  for (int c = 0; c < 8; ++c) {
    const pid_t pid = fork();
    if (pid == 0) {  // nothing but system calls from here on
      const std::string_view mine_begin = "<pid ";
      char mine[32];
      const int mine_size = std::snprintf(mine, sizeof mine, "<pid %d>", getpid());
      int seen = 0;
      for (int i = 0; i < 150; ++i) {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_un a = unix_address(path);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) _exit(3);
        if (write(fd, request.data(), request.size()) < 0) _exit(4);
        if (i % 3 == 0) {  // every third leaves without waiting
          close(fd);
          continue;
        }
        char buffer[4096];
        std::size_t have = 0;
        while (have < sizeof buffer) {
          const ssize_t n = read(fd, buffer + have, sizeof buffer - have);
          if (n <= 0) break;
          have += static_cast<std::size_t>(n);
          const std::string_view text(buffer, have);
          const auto at = text.find(mine_begin);
          if (at == text.npos || text.find('>', at) == text.npos) continue;
          if (text.substr(at, static_cast<std::size_t>(mine_size)) !=
              std::string_view(mine, static_cast<std::size_t>(mine_size)))
            _exit(2);
          ++seen;
          break;
        }
        close(fd);
      }
      _exit(seen == 100 ? 0 : 5);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
  }
}

int open_descriptors() {
  int n = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

TEST_F(RpcUnix, GarbageLeavesNothingBehind) {
  auto l = listen();
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Who", [](ServerCall&, const Raw&) -> Result<Raw> {
                return Raw{"me"};
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  const auto connect_raw = [&] {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un a = unix_address(socket());
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a), 0);
    return fd;
  };
  const int before = open_descriptors();
  const std::string call = one_call();
  for (std::size_t i = 0; i < 60; ++i) {
    const int fd = connect_raw();
    std::string bytes;
    switch (i % 4) {
      case 0:
        bytes.assign(100 + i, static_cast<char>(i));
        break;
      case 1:
        bytes = call.substr(0, i * 3 % call.size());
        break;
      case 2:
        bytes = call;
        bytes[30 + i] = static_cast<char>(~bytes[30 + i]);
        break;
      default:
        bytes = "GET / HTTP/1.1\r\n\r\n";
    }
    [[maybe_unused]] const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    close(fd);
  }
  EXPECT_TRUE(eventually([&] { return open_descriptors() <= before; }))
      << open_descriptors() << " > " << before;
  auto c = connect();
  EXPECT_TRUE(c->call<Raw>("/t.T/Who", Raw{}, soon()).ok());
}

TEST_F(RpcUnix, ConnectionsOverTheLimitAreClosed) {
  auto l = listen(R"({"max_connections":6})");  // half of them for one user
  ASSERT_TRUE(l->serve().ok());
  std::vector<int> fds;
  const auto open_one = [&] {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un a = unix_address(socket());
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a), 0);
    fds.push_back(fd);
    char byte;
    timeval limit{20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return recv(fd, &byte, 1, 0);
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(open_one(), 1) << "the server's SETTINGS";
  EXPECT_LE(open_one(), 0);
  for (const int fd : fds) close(fd);
}

}  // namespace
}  // namespace signet::test
