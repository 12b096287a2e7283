#include "watch_hub.h"

#include <algorithm>

#include "signet/abi/datastore.h"

namespace signet::datastore_sql {
namespace {

// How soon a watcher that could not take an emit is told again.
constexpr std::chrono::milliseconds kRetry{50};

}  // namespace

void WatchHub::start(std::uint64_t latest) {
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) return;
  latest_ = latest;
  open_ = true;
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void WatchHub::close() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  changed_.notify_all();
}

void WatchHub::stop() {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void WatchHub::announce(std::uint64_t revision) {
  const std::lock_guard lock(mutex_);
  latest_ = std::max(latest_, revision);
  changed_.notify_all();
}

signet_status WatchHub::watch(signet_call* call, std::uint64_t since) {
  Watcher* watcher = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return SIGNET_UNAVAILABLE;
    watchers_.push_back(std::make_unique<Watcher>(Watcher{this, call, since}));
    watcher = watchers_.back().get();
  }
  // Not under the lock: it calls back at once if the call is cancelled already.
  call->ops->on_cancel(call, &WatchHub::on_cancel, watcher);
  const std::lock_guard lock(mutex_);
  watcher->armed = true;
  changed_.notify_all();
  return SIGNET_PENDING;
}

void WatchHub::on_cancel(void* arg) {
  auto* watcher = static_cast<Watcher*>(arg);
  WatchHub* hub = watcher->hub;
  const std::lock_guard lock(hub->mutex_);
  watcher->cancelled = true;  // from the unlock on, the thread may free it
  hub->changed_.notify_all();
}

void WatchHub::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    bool lags = false;
    for (std::size_t i = 0; i < watchers_.size();) {
      Watcher& watcher = *watchers_[i];
      if (!watcher.due(*this)) {
        ++i;
        continue;
      }
      if (watcher.cancelled || !open_) {
        auto gone = std::move(watchers_[i]);
        watchers_.erase(watchers_.begin() + static_cast<std::ptrdiff_t>(i));
        signet_call* call = gone->call;
        const signet_status code = gone->cancelled ? SIGNET_CANCELLED : SIGNET_UNAVAILABLE;
        if (!gone->cancelled) ended_.push_back(std::move(gone));
        lock.unlock();
        call->ops->complete(call, code);
        lock.lock();
        i = 0;  // the list may have changed meanwhile
        continue;
      }
      const signet_revision message = {sizeof(signet_revision), 0, latest_};
      signet_call* call = watcher.call;
      lock.unlock();  // only this thread ends a watch: the call and its watcher are alive
      const bool taken =
          call->ops->emit(call, SIGNET_KIND_REVISION, &message, sizeof message) == SIGNET_OK;
      lock.lock();
      if (taken) {
        watcher.told = message.revision;
      } else {
        lags = true;
      }
      ++i;
    }
    if (stopping_ && watchers_.empty()) return;
    const auto news = [this] {
      return (stopping_ && watchers_.empty()) ||
             std::any_of(watchers_.begin(), watchers_.end(),
                         [this](const auto& w) { return w->due(*this); });
    };
    if (lags) {
      changed_.wait_for(lock, kRetry);
    } else {
      changed_.wait(lock, news);
    }
  }
}

}  // namespace signet::datastore_sql
