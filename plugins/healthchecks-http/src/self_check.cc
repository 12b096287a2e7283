#include "self_check.h"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <pthread.h>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>

#include "signet/fd.h"

namespace signet::health_http {
namespace {

using std::chrono::steady_clock;
using namespace std::string_view_literals;

// RFC 9113 3.4: the preface and an empty SETTINGS; 6.7: a PING.
constexpr std::string_view kWords =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    "\0\0\0\4\0\0\0\0\0"
    "\0\0\x08\6\0\0\0\0\0liveness"sv;
// Its answer's first bytes, whatever comes before it.
constexpr std::string_view kAnswer = "\0\0\x08\6\1\0\0\0\0liveness"sv;
constexpr std::size_t kMostBytes = 4096;  // of what a server says to that

bool ready(int fd, short events, steady_clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
  pollfd one{fd, events, 0};
  return left.count() > 0 && ::poll(&one, 1, static_cast<int>(left.count())) == 1;
}

// With many callers the queue before accept() may be full for a moment.
bool connect_to(int fd, const sockaddr_un& address, steady_clock::time_point until) {
  while (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EAGAIN || steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace

SelfCheck::SelfCheck(std::string path, Times times) : path_(std::move(path)), times_(times) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "self-check");
    run();
  });
}

SelfCheck::~SelfCheck() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool SelfCheck::live() const {
  const std::int64_t answered = answered_ns_;
  return answered == 0 ||
         steady_clock::now().time_since_epoch().count() - answered < times_.lost.count();
}

void SelfCheck::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    if (answers()) answered_ns_ = steady_clock::now().time_since_epoch().count();
    lock.lock();
    changed_.wait_for(lock, times_.every, [this] { return stopping_; });
  }
}

bool SelfCheck::answers() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int fd = socket.get();
  const auto until = steady_clock::now() + times_.patience;
  if (fd < 0 || !connect_to(fd, address, until)) return false;
  (void)!::send(fd, kWords.data(), kWords.size(), MSG_NOSIGNAL);  // or it is closed, see below
  std::string heard;
  while (heard.size() < kMostBytes && ready(fd, POLLIN, until)) {
    char buffer[512];
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return true;  // closed: too many callers are there, and the loop goes round
    heard.append(buffer, static_cast<std::size_t>(n));
    if (heard.find(kAnswer) != std::string::npos) return true;
  }
  return false;
}

}  // namespace signet::health_http
