#include "stream.h"

#include <thread>
#include <utility>

#include "runtime.h"
#include "slices.h"

namespace signet::rpc_grpc {

Stream::Stream(const signet_rpc_handler* handler, const Owner* owner)
    : handler_(handler), owner_(owner) {}

Stream::~Stream() { drop_queue(); }

bool Stream::cancelled() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

void Stream::finish(signet_blob* last, signet_status, signet_str, signet_bytes) {
  if (last) blob_api()->unref(last);
}

signet_status Stream::write(signet_blob* blob) {
  if (!blob) return SIGNET_INVALID_ARGUMENT;
  const std::size_t size = blob_api()->bytes(blob).len;
  std::lock_guard lock(mutex_);
  if (closed_) {  // the peer is gone or the end is written: nobody will read it
    blob_api()->unref(blob);
    return SIGNET_OK;
  }
  // One message may be bigger than the mark when nothing waits before it.
  const std::size_t mark = (handler_->flags & SIGNET_RPC_LATEST) != 0 ? 0 : kHighMark;
  if (queued_bytes_ != 0 && queued_bytes_ + size > mark) {
    wants_writable_ = true;
    return SIGNET_RESOURCE_EXHAUSTED;
  }
  queue_.push_back(blob);
  queued_bytes_ += size;
  advance();
  return SIGNET_OK;
}

void Stream::drop_queue() {
  for (; next_write_ < queue_.size(); ++next_write_) {
    queued_bytes_ -= blob_api()->bytes(queue_[next_write_]).len;
    blob_api()->unref(queue_[next_write_]);
  }
  std::vector<signet_blob*>().swap(queue_);
  next_write_ = 0;
}

bool Stream::queue_event(Event event) {
  events_.push_back(std::move(event));
  return !std::exchange(running_, true);
}

void Stream::run_events(bool on_transport) {
  if (on_transport && (silent_ || (handler_->flags & SIGNET_RPC_INLINE))) return drain();
  if (owner_->executor &&
      owner_->executor->post(owner_->host.abi(), &Stream::drain_on_worker, this) == SIGNET_OK) {
    return;
  }
  bool ending = false;
  {
    std::lock_guard lock(mutex_);
    // done() may run anywhere; what waits before it is lost with the call.
    if (!events_.empty() && events_.back().kind == Event::kDone) {
      events_.erase(events_.begin(), events_.end() - 1);
      ending = true;
    } else {
      events_.clear();
      running_ = false;
    }
  }
  if (!ending) return overloaded();
  if (on_transport) return drain();
  // The caller may hold a lock that done() wants, and no worker is free: rare, so a thread.
  std::thread([this] { drain(); }).detach();
}

void Stream::drain_on_worker(void* self) { static_cast<Stream*>(self)->drain(); }

void Stream::drain() {
  std::vector<Event> batch;
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (events_.empty()) {
        running_ = false;
        return;
      }
      batch.swap(events_);
    }
    for (Event& event : batch) {
      if (event.kind == Event::kDone) return run_done();
      run(event);
    }
    batch.clear();
  }
}

void Stream::run(Event& event) {
  if (silent_) return;
  switch (event.kind) {
    case Event::kMessage: {
      if (!handler_->message) return;
      const Message message(&event.message);
      if (message.ok()) {
        handler_->message(state_, abi(), message.bytes());
      } else {
        overloaded();  // out of memory for a copy in one piece
      }
      return;
    }
    case Event::kBytes:
      if (handler_->message) handler_->message(state_, abi(), bytes_to_abi(event.bytes));
      return;
    case Event::kHalfClose:
      if (handler_->half_close) handler_->half_close(state_, abi());
      return;
    case Event::kWritable:
      if (handler_->writable) handler_->writable(state_, abi());
      return;
    case Event::kDone:
      return;
  }
}

}  // namespace signet::rpc_grpc
