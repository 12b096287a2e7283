// FakeEngine: a container engine's socket that answers as the test says.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <poll.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

namespace signet::docker {

class FakeEngine {
 public:
  /// Writes the answer to a request for `path`; the connection ends when it returns.
  using Answer = std::function<void(int fd, const std::string& path)>;

  explicit FakeEngine(Answer answer) : answer_(std::move(answer)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "engine_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    listen_fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listen_fd_, 16) != 0) {
      std::abort();
    }
    thread_ = std::thread([this] { serve(); });
  }
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;
  ~FakeEngine() {
    over_ = true;
    shutdown(listen_fd_, SHUT_RDWR);
    thread_.join();
    close(listen_fd_);
    std::filesystem::remove_all(folder_);
  }

  std::string path() const { return folder_ + "/docker.sock"; }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  bool over() const { return over_; }

  static void write_all(int fd, const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t n = send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return;
      at += static_cast<std::size_t>(n);
    }
  }
  static void answer_with(int fd, int status, const std::string& body) {
    write_all(fd, "HTTP/1.1 " + std::to_string(status) + " x\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body);
  }

 private:
  void serve() {
    while (!over_) {
      const int fd = accept(listen_fd_, nullptr, nullptr);
      if (fd < 0) continue;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0) break;
        request.append(buffer, static_cast<std::size_t>(n));
      }
      const std::size_t begin = request.find(' ') + 1;
      const std::string path = request.substr(begin, request.find(' ', begin) - begin);
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(path);
      }
      answer_(fd, path);
      close(fd);
    }
  }

  const Answer answer_;
  std::string folder_;
  int listen_fd_ = -1;
  std::atomic<bool> over_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace signet::docker
