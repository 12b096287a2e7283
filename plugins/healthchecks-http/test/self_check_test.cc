#include "self_check.h"

#include <atomic>
#include <filesystem>
#include <stdlib.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace signet::health_http {
namespace {

using namespace std::chrono_literals;

constexpr SelfCheck::Times kQuick{.every = 10ms, .patience = 200ms, .lost = 500ms};

// A server at a Unix socket that answers each PING, keeps silent, or closes, as it is told to.
class Server {
 public:
  Server() {
    char name[] = "/tmp/self-check-XXXXXX";
    folder_ = ::mkdtemp(name);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 128), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    doing = Doing::kClose;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/socket"; }
  enum class Doing { kAnswer, kNothing, kClose };
  std::atomic<Doing> doing{Doing::kAnswer};
  std::atomic<int> asked{0};

 private:
  void serve() {
    for (int fd = ::accept(listener_, nullptr, nullptr); fd >= 0;
         fd = ::accept(listener_, nullptr, nullptr)) {
      ++asked;
      char words[128];
      const ssize_t n = ::recv(fd, words, sizeof words, 0);
      while (doing == Doing::kNothing) std::this_thread::sleep_for(5ms);
      if (doing == Doing::kAnswer && n > 17) {
        std::string answer(9, '\0');  // SETTINGS
        answer[3] = 4;
        std::string ping(words + n - 17, 17);
        ping[4] = 1;  // ACK
        answer += ping;
        (void)!::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
      ::close(fd);
    }
  }

  std::string folder_;
  int listener_ = -1;
  std::thread thread_;
};

// Sooner or later: for half a second a busy machine keeps anybody from answering.
bool becomes(const SelfCheck& check, bool live) {
  for (int i = 0; i < 500 && check.live() != live; ++i) std::this_thread::sleep_for(10ms);
  return check.live() == live;
}

TEST(SelfCheck, OneThatFallsSilentIsNotLiveUntilItAnswersAgain) {
  Server server;
  const SelfCheck check(server.path(), kQuick);
  while (server.asked < 5) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(becomes(check, true));
  server.doing = Server::Doing::kNothing;
  EXPECT_TRUE(becomes(check, false));
  server.doing = Server::Doing::kAnswer;
  EXPECT_TRUE(becomes(check, true));
}

TEST(SelfCheck, OneThatSendsCallersAwayLives) {
  Server server;
  const SelfCheck check(server.path(), kQuick);
  while (server.asked < 5) std::this_thread::sleep_for(5ms);
  server.doing = Server::Doing::kClose;
  std::this_thread::sleep_for(700ms);
  EXPECT_TRUE(becomes(check, true));
}

TEST(SelfCheck, OneThatIsNotThereYetLives) {
  const SelfCheck check("/tmp/self-check/nobody-is-here", kQuick);
  std::this_thread::sleep_for(700ms);  // longer than one that was there may be silent
  EXPECT_TRUE(check.live());
}

}  // namespace
}  // namespace signet::health_http
