#include "watchdog.h"

#include <algorithm>

#include <sys/socket.h>

namespace signet::datastore_sql {
namespace {

constexpr std::chrono::milliseconds kTick{200};

}  // namespace

Watchdog::Watchdog() : thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  armed_.notify_all();
  thread_.join();
}

Watchdog::Slot::Slot(Watchdog& watchdog, int socket) : watchdog_(watchdog), socket_(socket) {
  const std::lock_guard lock(watchdog_.mutex_);
  watchdog_.slots_.push_back(this);
}

Watchdog::Slot::~Slot() {
  const std::lock_guard lock(watchdog_.mutex_);
  std::erase(watchdog_.slots_, this);
}

void Watchdog::Slot::arm(std::chrono::milliseconds limit) {
  const std::lock_guard lock(watchdog_.mutex_);
  end_ = Clock::now() + limit;
  if (watchdog_.sleeping_) watchdog_.armed_.notify_all();
}

void Watchdog::Slot::disarm() {
  const std::lock_guard lock(watchdog_.mutex_);
  end_ = Clock::time_point::max();
}

void Watchdog::run() {
  const auto armed = [](const Slot* slot) { return slot->end_ != Slot::Clock::time_point::max(); };
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (std::none_of(slots_.begin(), slots_.end(), armed)) {
      sleeping_ = true;
      armed_.wait(lock);
      sleeping_ = false;
      continue;
    }
    const auto now = Slot::Clock::now();
    for (Slot* slot : slots_) {
      if (slot->end_ > now) continue;
      ::shutdown(slot->socket_, SHUT_RDWR);
      slot->end_ = Slot::Clock::time_point::max();
    }
    armed_.wait_for(lock, kTick, [this] { return stopping_; });
  }
}

}  // namespace signet::datastore_sql
