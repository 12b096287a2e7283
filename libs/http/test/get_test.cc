// A server of a few lines on a Unix socket stands for the other side.
#include "http/get.h"

#include <cstdlib>
#include <filesystem>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace signet::http {
namespace {

// Answers one request with fixed bytes and keeps what it was asked.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : answer_(std::move(answer)) {
    char name[] = "/tmp/http-test-XXXXXX";
    folder_ = mkdtemp(name);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    thread_ = std::thread([this] {
      const int peer = accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      char buffer[4096];
      while (request_.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = read(peer, buffer, sizeof buffer);
        if (n <= 0) break;
        request_.append(buffer, static_cast<std::size_t>(n));
      }
      for (std::size_t sent = 0; sent < answer_.size();) {
        const ssize_t n = send(peer, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
      }
      close(peer);
    });
  }
  ~OneAnswer() {
    finish();
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/s"; }
  const std::string& request() {
    finish();
    return request_;
  }

 private:
  void finish() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    if (listener_ >= 0) close(listener_);
    listener_ = -1;
  }
  std::string answer_, folder_, request_;
  int listener_ = -1;
  std::thread thread_;
};

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(HttpGet, ReturnsTheBodyOverAUnixSocket) {
  OneAnswer server(ok("hello"));
  GetRequest request{.url = "http://localhost/bundle?a=1", .unix_socket = server.path()};
  request.query = {{"spire-time", "2026-01-01T00:00:00Z"}};
  const auto body = get(request);
  ASSERT_TRUE(body.ok()) << body.status().message();
  EXPECT_EQ(*body, "hello");
  EXPECT_NE(server.request().find("GET /bundle?a=1&spire-time=2026-01-01T00%3A00%3A00Z "),
            std::string::npos)
      << server.request();
}

TEST(HttpGet, RefusesAnAnswerOverTheLimit) {
  OneAnswer server(ok(std::string(2000, 'x')));
  const auto body =
      get({.url = "http://localhost/", .unix_socket = server.path(), .max_bytes = 1999});
  EXPECT_EQ(body.status().code(), Code::kResourceExhausted);
}

TEST(HttpGet, DoesNotFollowARedirect) {
  OneAnswer server("HTTP/1.1 302 Found\r\nLocation: http://localhost/x\r\n\r\n");
  const auto body = get({.url = "http://localhost/", .unix_socket = server.path()});
  EXPECT_EQ(body.status().code(), Code::kUnavailable);
  EXPECT_EQ(body.status().message(), "unexpected status code 302");
}

TEST(HttpGet, TakesOnlyHttpsOverTcp) {
  EXPECT_EQ(get({.url = "http://localhost/"}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(get({.url = "file:///etc/passwd"}).status().code(), Code::kInvalidArgument);
}

TEST(HttpGet, SaysThatNobodyAnswers) {
  const auto body = get({.url = "http://localhost/", .unix_socket = "/nonexistent/socket"});
  EXPECT_EQ(body.status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::http
