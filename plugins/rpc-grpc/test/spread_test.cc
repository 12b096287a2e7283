// Several servers behind names: callers spread over them, move on when one goes, and come back.
// The servers are three listeners on one port of 127.0.0.1, .2 and .3.
#include <array>
#include <atomic>
#include <fcntl.h>
#include <future>
#include <thread>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "addresses.h"
#include "rpc_fixture.h"
#include "tls_fixture.h"

namespace signet::test {
namespace {

constexpr std::size_t kServers = 3;
constexpr const char* kTls = R"({"tls":true})";

// No label of a name is so long: it is refused without a name server.
const std::string kNoName(70, 'x');

class Spread : public RpcTls {
 protected:
  Spread() {
    for (int attempt = 0; attempt < 20 && !all_listening(); ++attempt) {
      port_ = 0;
      for (auto& l : listeners_) l = nullptr;
      for (std::size_t i = 0; i < kServers && open(i, "{}"); ++i) continue;
    }
    EXPECT_TRUE(all_listening());
  }
  bool all_listening() const {
    return std::all_of(listeners_.begin(), listeners_.end(), [](auto& l) { return l != nullptr; });
  }
  static std::string host(std::size_t i) { return "127.0.0." + std::to_string(i + 1); }
  bool open(std::size_t i, const std::string& options) {
    auto l = RpcListener::create(host_, "tcp:" + host(i) + ":" + std::to_string(port_), options,
                                 &server_);
    if (!l.ok()) return false;
    if (port_ == 0) {
      const std::string address = (*l)->address();
      port_ = static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    }
    const Status added = (*l)->unary<Raw, Raw>(
        "/t.T/Where",
        [i](ServerCall&, const Raw&) -> Result<Raw> { return Raw{std::to_string(i)}; });
    EXPECT_TRUE(added.ok());
    EXPECT_TRUE((*l)->serve().ok());
    listeners_[i] = std::move(l).value();
    return true;
  }
  std::string uri(const std::string& names) const {
    return "dns:" + names + ":" + std::to_string(port_);
  }
  std::string all() const { return uri(host(0) + "," + host(1) + "," + host(2)); }

  static constexpr std::size_t kNobody = kServers;
  /// Which server answers; kNobody when the call failed.
  std::size_t where(RpcConnection& c) {
    const auto answer = c.call<Raw>("/t.T/Where", Raw{"?"}, soon());
    return answer.ok() ? static_cast<std::size_t>(std::stoi(answer->bytes)) : kNobody;
  }
  /// As our callers do it: once more when the connection has failed.
  std::size_t where_twice(RpcConnection& c) {
    const std::size_t first = where(c);
    return first == kNobody ? where(c) : first;
  }

  uint16_t port_ = 0;
  std::array<std::unique_ptr<RpcListener>, kServers> listeners_;
};

bool balanced(const std::vector<std::size_t>& places) {
  for (std::size_t i = 0; i < kServers; ++i) {
    const auto n = static_cast<std::size_t>(std::count(places.begin(), places.end(), i));
    if (2 * n * kServers < places.size() || 2 * n * kServers > 3 * places.size()) return false;
  }
  return true;
}

TEST_F(Spread, CallersSpreadOverAllAddresses) {
  std::vector<std::size_t> places;
  for (int i = 0; i < 300; ++i) {
    const auto conn = connect(all());
    places.push_back(where(*conn));
    EXPECT_EQ(where(*conn), places.back()) << "a caller stays where it is";
  }
  EXPECT_TRUE(balanced(places));
}

TEST_F(Spread, AServerThatWentAwayIsReplacedAtOnce) {
  std::vector<std::unique_ptr<RpcConnection>> callers;
  for (int i = 0; i < 12; ++i) {
    callers.push_back(connect(all()));
    ASSERT_NE(where(*callers.back()), kNobody);
  }
  for (const std::size_t gone : {0u, 2u}) {
    EXPECT_TRUE(listeners_[gone]->close(0s).ok());
    listeners_[gone] = nullptr;
    const auto began = std::chrono::steady_clock::now();
    for (const auto& caller : callers) EXPECT_TRUE(listeners_[where_twice(*caller)]);
    EXPECT_LT(std::chrono::steady_clock::now() - began, patience());
  }
}

TEST_F(Spread, AHostThatDoesNotAnswerIsNotWaitedFor) {
  // A listener whose queue is full: the kernel answers no further SYN.
  EXPECT_TRUE(listeners_[1]->close(0s).ok());
  listeners_[1] = nullptr;
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int reuse = 1;
  setsockopt(silent, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port_);
  at.sin_addr.s_addr = htonl(0x7f000002);
  ASSERT_EQ(::bind(silent, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(silent, 0), 0);
  std::vector<int> queued;
  for (int i = 0; i < 4; ++i) {
    queued.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)::connect(queued.back(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
  }
  std::vector<std::unique_ptr<RpcConnection>> callers;
  std::vector<std::future<std::size_t>> answers;
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 12; ++i) {
    callers.push_back(connect(all()));
    answers.push_back(std::async(std::launch::async,
                                 [&, caller = callers.back().get()] { return where(*caller); }));
  }
  for (auto& answer : answers) {
    const std::size_t place = answer.get();
    EXPECT_TRUE(place == 0 || place == 2) << place;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, patience());
  for (const int fd : queued) ::close(fd);
  ::close(silent);
}

TEST_F(Spread, ARollingRestartFailsNoCallAndLoadComesBack) {
  constexpr std::size_t kCallers = 60;
  const std::string aging = R"({"max_connection_age_s":1})";
  std::vector<std::unique_ptr<RpcConnection>> callers;
  for (std::size_t i = 0; i < kCallers; ++i) callers.push_back(connect(all()));
  std::array<std::atomic<std::size_t>, kCallers> places{};
  std::atomic<int> failed{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      while (!over) {
        for (std::size_t i = t; i < kCallers; i += 4) {
          places[i] = where_twice(*callers[i]);
          if (places[i] == kNobody) ++failed;
        }
        std::this_thread::sleep_for(20ms);
      }
    });
  }
  const auto now = [&] { return std::vector<std::size_t>(places.begin(), places.end()); };
  const auto at = [&](std::size_t i) {
    const auto all_places = now();
    return std::count(all_places.begin(), all_places.end(), i);
  };
  for (std::size_t i = 0; i < kServers; ++i) {
    EXPECT_TRUE(eventually([&] { return at(i) > 0; }));
    EXPECT_TRUE(listeners_[i]->close(1s).ok());
    listeners_[i] = nullptr;
    EXPECT_TRUE(eventually([&] { return at(i) == 0; }));
    EXPECT_TRUE(eventually([&] { return open(i, aging); }));
  }
  EXPECT_EQ(at(kServers - 1), 0) << "nobody has a reason to be there yet";
  // Those who age look for a server anew, and some find the one that came back last.
  EXPECT_TRUE(eventually([&] { return balanced(now()); }, 3 * patience()));
  over = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(Spread, OverTlsTooWithOneIdentity) {
  for (std::size_t i = 0; i < kServers; ++i) {
    EXPECT_TRUE(listeners_[i]->close(0s).ok());
    listeners_[i] = nullptr;
    EXPECT_TRUE(
        eventually([&] { return open(i, R"({"tls":true,"client_certificate":"asked"})"); }));
  }
  const auto conn = connect(all(), kTls, &client_);
  for (int i = 0; i < 2; ++i) {
    const std::size_t place = where_twice(*conn);
    ASSERT_NE(place, kNobody);
    EXPECT_TRUE(listeners_[place]->close(0s).ok());
    listeners_[place] = nullptr;
  }
  EXPECT_TRUE(listeners_[where_twice(*conn)]);
  EXPECT_EQ(client_.asked, 1);
}

TEST_F(Spread, ANameThatIsNotKnownIsNamed) {
  const auto conn = connect(uri(kNoName));
  std::vector<std::future<Status>> failures;
  for (int i = 0; i < 50; ++i) {
    failures.push_back(std::async(std::launch::async, [&] {
      return conn->call<Raw>("/t.T/Where", Raw{"?"}, host_.deadline_in(60s)).status();
    }));
  }
  const auto began = std::chrono::steady_clock::now();
  for (auto& failure : failures) {
    const Status status = failure.get();
    EXPECT_EQ(status.code(), Code::kUnavailable);
    EXPECT_NE(status.message().find(kNoName), std::string::npos) << status.message();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, patience());
}

TEST(KnownAddresses, AreUsedOnWhileNamesCannotBeLookedUp) {
  static Result<std::vector<std::string>> answer = std::vector<std::string>();
  answer = Status::unavailable("no name server");
  rpc_grpc::KnownAddresses known([](const rpc_grpc::Endpoint&) { return answer; });
  const auto get = [&] { return known.get({}); };
  EXPECT_EQ(get().status().code(), Code::kUnavailable);
  answer = std::vector<std::string>{"::1", "::2"};
  EXPECT_EQ(*get(), (std::vector<std::string>{"::1", "::2"}));
  answer = Status::unavailable("no name server");
  EXPECT_EQ(*get(), (std::vector<std::string>{"::2", "::1"}));
  EXPECT_EQ(*get(), (std::vector<std::string>{"::1", "::2"})) << "each comes first in turn";
  answer = std::vector<std::string>{"::3"};
  EXPECT_EQ(*get(), std::vector<std::string>{"::3"});
}

TEST_F(Spread, OneThatIsKnownSuffices) {
  EXPECT_EQ(where(*connect(uri(kNoName + "," + host(1)))), 1u);
  EXPECT_EQ(where(*connect(uri("[::1]," + host(2)))), 2u) << "there is no server at ::1";
}

// The kernel gives a connection up whose host says nothing any more; here it is enough that it was
// told to.
TEST_F(Spread, ASilentHostEndsItsConnections) {
  const auto conn = connect(uri(host(0)));
  ASSERT_EQ(where(*conn), 0u);
  bool found = false;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    const in_port_t port = peer.ss_family == AF_INET6
                               ? reinterpret_cast<const sockaddr_in6&>(peer).sin6_port
                               : reinterpret_cast<const sockaddr_in&>(peer).sin_port;
    if (ntohs(port) != port_) continue;
    unsigned timeout_ms = 0;
    size = sizeof timeout_ms;
    ASSERT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, &size), 0);
    EXPECT_EQ(timeout_ms, 2000u);
    found = true;
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace signet::test
