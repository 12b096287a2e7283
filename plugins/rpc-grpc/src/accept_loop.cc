#include "accept_loop.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace signet::rpc_grpc {

AcceptLoop::~AcceptLoop() { stop(); }

Status AcceptLoop::start() {
  if (thread_.joinable()) return {};
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{EPOLLIN, {.u64 = 0}};
  if (epoll_ < 0 || wake_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    return Status::unavailable(std::string("cannot make an event loop: ") + std::strerror(errno));
  }
  stopping_ = false;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "rpc-accept");
    run();
  });
  return {};
}

void AcceptLoop::stop() {
  if (thread_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(wake_, &one, sizeof one);
    thread_.join();
  }
  watches_.clear();
  if (epoll_ >= 0) close(epoll_);
  if (wake_ >= 0) close(wake_);
  epoll_ = wake_ = -1;
}

uint64_t AcceptLoop::watch_listener(int fd, Callback ready) {
  auto entry = std::make_shared<Callback>(std::move(ready));
  uint64_t token = 0;
  {
    std::lock_guard lock(mutex_);
    token = next_token_++;
    watches_.emplace(token, std::move(entry));
  }
  epoll_event event{EPOLLIN, {.u64 = token}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    std::lock_guard lock(mutex_);
    watches_.erase(token);
    return 0;
  }
  return token;
}

void AcceptLoop::remove(uint64_t token, int fd) {
  {
    std::lock_guard lock(mutex_);
    if (watches_.erase(token) == 0) return;
  }
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  barrier();
}

void AcceptLoop::barrier() {
  if (on_loop_thread()) return;
  const std::lock_guard wait(running_);
}

void AcceptLoop::run() {
  epoll_event events[64];
  for (;;) {
    const int n = epoll_wait(epoll_, events, 64, -1);
    if (n < 0 && errno != EINTR) return;
    for (int i = 0; i < n; ++i) {
      std::lock_guard running(running_);
      std::shared_ptr<Callback> ready;
      {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        const std::uint64_t id = events[i].data.u64;  // a copy: the struct is packed
        const auto it = watches_.find(id);
        if (it == watches_.end()) continue;
        ready = it->second;
      }
      (*ready)();
    }
  }
}

}  // namespace signet::rpc_grpc
