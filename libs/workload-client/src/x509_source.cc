#include "workload_client/x509_source.h"

#include <algorithm>

namespace signet::workload_client {
namespace {

bool final_code(Code code) { return code == Code::kInvalidArgument || code == Code::kCancelled; }

}  // namespace

X509Source::X509Source(Transport& transport, Options options)
    : transport_(transport), options_(std::move(options)), thread_([this] { run(); }) {}

X509Source::~X509Source() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

Status X509Source::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return current_ || gave_up_; });
  if (current_) return {};
  if (gave_up_) return error_;
  return Status::deadline_exceeded(error_.ok() ? "no identity yet"
                                               : "no identity yet: " + error_.message());
}

X509ContextPtr X509Source::current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

Status X509Source::last_error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

void X509Source::run() {
  std::chrono::milliseconds pause{0};
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    stream_ended_ = false;
    lock.unlock();
    const auto on_message = [&](std::string_view bytes) {
      Result<X509ContextPtr> context = X509Context::parse(bytes);
      {
        std::lock_guard inner(mutex_);
        error_ = context.status();
        if (context) {
          current_ = *context;
          pause = std::chrono::milliseconds(0);
        }
        changed_.notify_all();
      }
      if (context && options_.on_update) options_.on_update(*context);
      if (!context && options_.on_error) options_.on_error(context.status());
    };
    const auto on_end = [&](const Status& status) {
      const Status why = status.ok() ? Status::unavailable("the agent ended the stream") : status;
      if (options_.on_error) options_.on_error(why);
      std::lock_guard inner(mutex_);
      error_ = why;
      stream_ended_ = true;
      changed_.notify_all();
    };
    std::unique_ptr<Stream> stream =
        transport_.stream("/SpiffeWorkloadAPI/FetchX509SVID", std::string(), on_message, on_end);
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

}  // namespace signet::workload_client
