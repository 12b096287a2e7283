#include "h2_loop.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <string>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "h2_stream.h"

namespace signet::rpc_grpc {
namespace {

thread_local const H2Loop* this_loop = nullptr;

constexpr int kRounds = 16;  // of handlers answering answers, before sockets are looked at again

}  // namespace

H2Loop::H2Loop() = default;

H2Loop::~H2Loop() { stop(); }

Status H2Loop::start(const Host& host) {
  if (thread_.joinable()) return {};
  host_ = host;
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{EPOLLIN, {.ptr = nullptr}};
  if (epoll_ < 0 || wake_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    return Status::unavailable(std::string("cannot make an event loop: ") + std::strerror(errno));
  }
  read_buffer_ = std::make_unique_for_overwrite<uint8_t[]>(kReadSize);
  plain_buffer_ = std::make_unique_for_overwrite<uint8_t[]>(kPlainSize);
  stopping_ = false;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "rpc-loop");
    loop();
  });
  running_ = true;
  return {};
}

void H2Loop::stop() {
  if (!thread_.joinable()) return;
  post([this] {
    for_each([](Watched& w) { w.close("the transport stops"); });
    stopping_ = true;
  });
  thread_.join();
  running_ = false;
  close(epoll_);
  close(wake_);
  epoll_ = wake_ = -1;
}

void H2Loop::wake_up() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(wake_, &one, sizeof one);
}

void H2Loop::post(std::function<void()> task) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    mailed_tasks_.push_back(std::move(task));
    wake = !std::exchange(woken_, true);
  }
  if (wake) wake_up();
}

void H2Loop::run(const std::function<void()>& task) {
  if (!running_) return task();
  std::promise<void> done;
  post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

void H2Loop::kick(H2Stream* stream) {
  if (this_loop == this) {
    kicked_.push_back(stream);
    return;
  }
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    mailed_kicks_.push_back(stream);
    wake = !std::exchange(woken_, true);
  }
  if (wake) wake_up();
}

void H2Loop::add(std::unique_ptr<Watched> watched) {
  epoll_event event{EPOLLIN, {.ptr = watched.get()}};
  Watched* w = watched.release();
  watched_.insert(w);
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, w->fd(), &event) != 0) return w->close("epoll refuses it");
  w->start();
}

void H2Loop::remove(Watched* watched) {
  if (watched_.erase(watched) == 0) return;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, watched->fd(), nullptr);
  dead_.emplace_back(watched);
}

void H2Loop::watch(Watched* watched, uint32_t events) {
  epoll_event event{events, {.ptr = watched}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, watched->fd(), &event);
}

void H2Loop::set_deadline(Timed* timed, int64_t due_ns) {
  if (timed->due_ns_ != INT64_MAX) deadlines_.erase({timed->due_ns_, timed});
  timed->due_ns_ = due_ns;
  if (due_ns != INT64_MAX) deadlines_.emplace(due_ns, timed);
}

int H2Loop::timeout_ms() const {
  if (deadlines_.empty()) return -1;
  const int64_t left = deadlines_.begin()->first - now_ns();
  return static_cast<int>(std::clamp<int64_t>(left / 1'000'000 + 1, 0, 3'600'000));
}

void H2Loop::expire() {
  if (deadlines_.empty()) return;
  const int64_t now = now_ns();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Timed* timed = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    timed->due_ns_ = INT64_MAX;
    timed->expired();
  }
}

void H2Loop::take_mail() {
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(mutex_);
    woken_ = false;
    tasks.swap(mailed_tasks_);
    kicked_.insert(kicked_.end(), mailed_kicks_.begin(), mailed_kicks_.end());
    mailed_kicks_.clear();
  }
  for (auto& task : tasks) {
    task();
    task = nullptr;  // a later task may count on it
  }
}

bool H2Loop::settle() {
  for (int round = 0; round < kRounds; ++round) {
    if (kicked_.empty() && dirty_.empty()) return true;
    std::vector<H2Stream*> kicked;
    kicked.swap(kicked_);
    for (H2Stream* stream : kicked) {
      stream->serve();
      stream->unref();
    }
    std::vector<Watched*> dirty;
    dirty.swap(dirty_);
    for (Watched* watched : dirty) watched->flush();
  }
  return false;
}

void H2Loop::loop() {
  this_loop = this;
  epoll_event events[64];
  bool settled = true;
  while (!stopping_) {
    const int n = epoll_wait(epoll_, events, 64, settled ? timeout_ms() : 0);
    if (n < 0 && errno != EINTR) break;
    for (int i = 0; i < n; ++i) {
      if (auto* watched = static_cast<Watched*>(events[i].data.ptr)) {
        watched->ready(events[i].events);
      } else {
        uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = read(wake_, &count, sizeof count);
        take_mail();
      }
    }
    expire();
    settled = settle();
    if (settled) dead_.clear();  // nothing of this round names them any more
  }
  while (!settle()) {
  }
  dead_.clear();
}

}  // namespace signet::rpc_grpc
