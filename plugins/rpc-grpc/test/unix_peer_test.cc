// Callers at a Unix socket who take their time: what they cost until they call, and whose the call
// is when they do.
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <sched.h>

#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "h2_connection.h"
#include "h2_wire.h"
#include "peer_process.h"
#include "rpc_fixture.h"

namespace signet::test {
namespace {

using namespace h2;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// A child of this process, ended with the object.
class Child {
 public:
  /// fork(); run() makes system calls only, and has returned when the constructor does.
  explicit Child(const std::function<void()>& run) {
    int ready[2] = {-1, -1};
    EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
    pid_ = fork();
    char byte = 0;
    if (pid_ == 0) {
      run();
      while (write(ready[1], &byte, 1) == 1) syscall(SYS_pause);
    }
    close(ready[1]);
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
  }
  /// It waits under a number that is free; pid() is -1 if that cannot be had.
  explicit Child(pid_t number) {
    clone_args args{};
    args.exit_signal = SIGCHLD;
    args.set_tid = reinterpret_cast<uint64_t>(&number);
    args.set_tid_size = 1;
    pid_ = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
    while (pid_ == 0) syscall(SYS_pause);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  pid_t pid() const { return pid_; }
  /// Its number is free from then on.
  pid_t end() {
    if (pid_ <= 0) return pid_;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    return std::exchange(pid_, -1);
  }

 private:
  pid_t pid_ = -1;
};

std::string whole_call(uint32_t stream = 1) {
  return request(stream, "/t.T/Who") + frame(kData, kEndStream, stream, message(""));
}

class RpcUnixPeer : public RpcTest {
 protected:
  std::unique_ptr<RpcListener> serve(const std::string& options = "{}",
                                     RpcAcceptor* acceptor = nullptr) {
    auto l = listen(options, acceptor);
    EXPECT_TRUE((l->unary<Raw, Raw>("/t.T/Who", [](ServerCall& call, const Raw&) -> Result<Raw> {
                  const RpcPeer& p = call.peer();
                  return Raw{std::to_string(p.pid) + " " + std::to_string(p.start_time) +
                             (p.pidfd >= 0 ? " pidfd" : " none")};
                })).ok());
    EXPECT_TRUE(l->serve().ok());
    return l;
  }
  static std::string me() {
    return std::to_string(getpid()) + " " + std::to_string(rpc_grpc::process_start_time(getpid())) +
           " pidfd";
  }
  static std::string who(Socket& s, uint32_t stream = 1) {
    return call(s, stream, "/t.T/Who", "").message;
  }
  /// Connected, and taken by the server.
  std::unique_ptr<Socket> taken() {
    auto s = std::make_unique<Socket>(uri());
    EXPECT_EQ(s->next(kSettings).type, kSettings);
    return s;
  }
  /// Whether a newcomer is answered.
  bool serves() {
    Socket s(uri());
    return s.connected() && s.send(preface()) && who(s) == me();
  }
  /// The answer to one call on a connection that has sent nothing, then its end.
  static std::string refusal(Socket& s) {
    EXPECT_TRUE(s.send(preface() + whole_call()));
    const Frame trailers = s.next(kHeaders);
    EXPECT_TRUE(s.at_end());
    return decoded(trailers.body);
  }
  /// Has a child connect it, and the server take that.
  std::unique_ptr<Child> connect_in_a_child(Socket& s) const {
    const sockaddr_un to = unix_address(socket());
    auto child = std::make_unique<Child>([&] {
      if (::connect(s.raw().fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) _exit(1);
    });
    EXPECT_EQ(s.next(kSettings).type, kSettings);
    return child;
  }
  bool kept() const {
    Socket s(uri());
    return rpc_grpc::keeps_its_peer(s.raw().fd);
  }
};

TEST_F(RpcUnixPeer, CostsOneDescriptorUntilTheFirstCallAndThenTwo) {
  auto l = serve();
  if (!kept()) GTEST_SKIP() << "the kernel keeps no process with a socket";
  const auto first = taken();  // and stays: what is opened once is, and nothing is on its way out
  ASSERT_TRUE(first->send(preface()));
  ASSERT_EQ(who(*first), me());
  const std::size_t before = open_descriptors();
  std::vector<std::unique_ptr<Socket>> callers;
  for (int i = 0; i < 20; ++i) callers.push_back(taken());
  EXPECT_EQ(open_descriptors(), before + 40) << "ours and the server's";
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(callers[i]->send(preface() + frame(kPing, 0, 0, std::string(8, 'p'))));
    EXPECT_EQ(callers[i]->next(kPing).type, kPing);
  }
  EXPECT_EQ(open_descriptors(), before + 40) << "who has greeted has not called yet";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(who(*callers[i]), me());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(who(*callers[i], 3), me());
  EXPECT_EQ(open_descriptors(), before + 45);
  callers.clear();
  EXPECT_TRUE(eventually([&] { return open_descriptors() == before; }))
      << open_descriptors() << " != " << before;
}

TEST_F(RpcUnixPeer, AFirstCallInPiecesIsOneCall) {
  auto l = serve();
  const std::string all = preface() + whole_call();
  for (const std::size_t cut : {std::size_t{1}, std::size_t{10}, preface().size() + 5}) {
    auto cut_short = taken();
    ASSERT_TRUE(cut_short->send(all.substr(0, cut)));
    EXPECT_TRUE(serves());  // by then the server has read the first piece
    ASSERT_TRUE(cut_short->send(all.substr(cut)));
    EXPECT_EQ(cut_short->next(kData).body.substr(5), me());
  }
}

TEST_F(RpcUnixPeer, WhoLeavesWithoutACallLeavesItsPlace) {
  auto l = serve(R"({"max_connections":2})");  // one for us
  const auto taken_in_turn = [&] {             // who came before may be on its way out
    std::unique_ptr<Socket> s;
    EXPECT_TRUE(eventually([&] {
      s = std::make_unique<Socket>(uri());
      return s->next(kSettings).type == kSettings;
    }));
    return s;
  };
  {
    auto s = taken_in_turn();
    EXPECT_FALSE(serves());
  }
  EXPECT_TRUE(eventually([&] { return serves(); })) << "closed";
  {
    auto s = taken_in_turn();
    shutdown(s->raw().fd, SHUT_WR);
    EXPECT_TRUE(s->at_end());
    EXPECT_TRUE(eventually([&] { return serves(); })) << "closed on one side";
  }
  {
    const int64_t before = std::exchange(rpc_grpc::h2_preface_timeout_ns, 100'000'000);
    auto s = taken_in_turn();
    EXPECT_TRUE(s->at_end());
    EXPECT_TRUE(eventually([&] { return serves(); })) << "timed out";
    rpc_grpc::h2_preface_timeout_ns = before;
  }
}

TEST_F(RpcUnixPeer, TheEndOfTheListenerEndsThemToo) {
  auto l = serve();
  auto silent = taken(), greeted = taken(), half = taken();
  ASSERT_TRUE(greeted->send(preface()));
  ASSERT_TRUE(half->send(preface().substr(0, 10)));
  EXPECT_TRUE(l->close(5s).ok());
  EXPECT_TRUE(silent->at_end());
  EXPECT_TRUE(greeted->at_end());
  EXPECT_TRUE(half->at_end());
}

TEST_F(RpcUnixPeer, OneUserHasHalfOfTheDescriptors) {
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  const rlimit few{128, files.rlim_max};  // an eighth is for files, so one user has 56
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  auto l = serve();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  if (!kept()) GTEST_SKIP() << "the kernel keeps no process with a socket";
  std::vector<std::unique_ptr<Socket>> callers;
  for (int i = 0; i < 56; ++i) callers.push_back(taken());
  EXPECT_FALSE(serves());
  EXPECT_TRUE(logged("Connection refused reason=too many connections of this caller"));
  const std::string words = "grpc-status=14\ngrpc-message=too many connections of this caller\n";
  EXPECT_NE(refusal(*callers[0]).find(words), std::string::npos) << "no room for its pidfd";
  EXPECT_TRUE(eventually([&] {  // the place of the one that was refused
    auto s = std::make_unique<Socket>(uri());
    if (s->next(kSettings).type != kSettings) return false;
    callers[0] = std::move(s);
    return true;
  }));
  const std::size_t full = open_descriptors();
  for (int i = 1; i <= 30; ++i) callers[i].reset();
  EXPECT_TRUE(eventually([&] { return open_descriptors() <= full - 60; }));  // both sides'
  EXPECT_TRUE(serves());
  for (int i = 31; i < 56; ++i) {
    ASSERT_TRUE(callers[i]->send(preface()));
    EXPECT_EQ(who(*callers[i]), me()) << i;
  }
}

// Its verdict is asked for when the connection is there, so the process has to be known by then.
TEST_F(RpcUnixPeer, AnAcceptorIsToldTheProcess) {
  class Judge final : public RpcAcceptor {
   public:
    Result<RpcVerdict> verify(const RpcPeer& p) override {
      told = std::to_string(p.pid) + " " + std::to_string(p.start_time) +
             (p.pidfd >= 0 ? " pidfd" : " none");
      return RpcVerdict{};
    }
    std::string told;
  } judge;
  auto l = serve("{}", &judge);
  EXPECT_TRUE(serves());
  EXPECT_EQ(judge.told, me());
  EXPECT_TRUE(l->close(5s).ok());
}

const std::string kGone = "grpc-status=14\ngrpc-message=the caller is gone\n";

// In the next two the socket is ours too, so that it outlives the process that connected it.
TEST_F(RpcUnixPeer, AProcessThatHasEndedCallsNoMore) {
  auto l = serve();
  Socket s(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  connect_in_a_child(s)->end();
  const std::string words = refusal(s);
  EXPECT_NE(words.find(kGone), std::string::npos) << words;
  EXPECT_TRUE(logged("Connection refused reason=the caller is gone caller=uid "));
  EXPECT_TRUE(serves());
}

TEST_F(RpcUnixPeer, WhoeverGotTheNumberOfAnEndedProcessIsNotTakenForIt) {
  auto l = serve();
  for (int tries = 0; tries < 20; ++tries) {
    Socket s(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const pid_t number = connect_in_a_child(s)->end();
    const Child heir(number);
    if (heir.pid() < 0 && errno == EEXIST) continue;  // somebody else was faster
    if (heir.pid() < 0) GTEST_SKIP() << "cannot choose a process's number: " << strerror(errno);
    ASSERT_EQ(heir.pid(), number);
    const std::string words = refusal(s);
    EXPECT_NE(words.find(kGone), std::string::npos) << words;
    return;
  }
  FAIL() << "the number was never free";
}

}  // namespace
}  // namespace signet::test
