#include "workload_client/source.h"

#include <algorithm>

#include "workload_client/bundle_sources.h"
#include "workload_client/x509_source.h"

namespace signet::workload_client {
namespace {

bool final_code(Code code) { return code == Code::kInvalidArgument || code == Code::kCancelled; }

}  // namespace

template <typename T>
typename Feed<T>::Ptr Feed<T>::current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

template <typename T>
std::unique_ptr<Subscription> Feed<T>::subscribe(Listener listener) {
  std::lock_guard telling(telling_);
  if (const Ptr now = current()) listener(now);
  const std::uint64_t number = ++last_listener_;
  listeners_.emplace(number, std::move(listener));
  return std::make_unique<Subscription>([self = this->shared_from_this(), number] {
    std::lock_guard lock(self->telling_);
    self->listeners_.erase(number);
  });
}

template <typename T>
void Feed<T>::publish(Ptr next) {
  std::lock_guard telling(telling_);
  {
    std::lock_guard lock(mutex_);
    current_ = next;
  }
  for (const auto& [number, listener] : listeners_) listener(next);
}

template <typename T>
Source<T>::Source(Transport& transport, Options options)
    : transport_(transport), options_(std::move(options)), thread_([this] { run(); }) {}

template <typename T>
Source<T>::~Source() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

template <typename T>
Status Source<T>::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return current() || gave_up_; });
  if (current()) return {};
  if (gave_up_) return error_;
  return Status::deadline_exceeded(error_.ok() ? "no answer of the Workload API yet"
                                               : "no answer of the Workload API yet: " +
                                                     error_.to_string());
}

template <typename T>
Status Source<T>::last_error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

template <typename T>
void Source<T>::take(std::string_view message, std::chrono::milliseconds& pause) {
  const Result<Ptr> read = T::parse(message);
  if (read) feed_->publish(*read);
  {
    std::lock_guard lock(mutex_);
    error_ = read.status();
    // Unlike go-spiffe, only a readable answer does: an agent that sends rubbish is asked ever
    // less.
    if (read) pause = std::chrono::milliseconds(0);
    changed_.notify_all();
  }
  if (read && options_.on_update) options_.on_update(*read);
  if (!read && options_.on_error) options_.on_error(read.status());
}

template <typename T>
void Source<T>::run() {
  std::chrono::milliseconds pause{0};
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    stream_ended_ = false;
    lock.unlock();
    const auto on_end = [this](const Status& status) {
      const Status why = status.ok() ? Status::unavailable("the agent ended the stream") : status;
      {
        std::lock_guard inner(mutex_);
        error_ = why;
        if (stopping_) {  // we cancelled it ourselves: nothing that anybody needs to hear of
          stream_ended_ = true;
          changed_.notify_all();
          return;
        }
      }
      if (options_.on_error) options_.on_error(why);
      std::lock_guard inner(mutex_);
      stream_ended_ = true;
      changed_.notify_all();
    };
    std::unique_ptr<Stream> stream = transport_.stream(
        T::kMethod, std::string(),
        [this, &pause](std::string_view message) { take(message, pause); }, on_end);
    lock.lock();
    changed_.wait(lock, [&] { return stream_ended_ || stopping_; });
    lock.unlock();
    stream.reset();
    lock.lock();
    if (stopping_) return;
    if (final_code(error_.code())) {
      gave_up_ = true;
      changed_.notify_all();
      return;
    }
    pause = std::min(pause + options_.first_pause, options_.longest_pause);
    changed_.wait_for(lock, pause, [&] { return stopping_; });
  }
}

template class Feed<X509Context>;
template class Feed<X509BundleSet>;
template class Feed<JwtBundleSet>;
template class Source<X509Context>;
template class Source<X509BundleSet>;
template class Source<JwtBundleSet>;

}  // namespace signet::workload_client
