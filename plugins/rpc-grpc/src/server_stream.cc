#include "server_stream.h"

#include <grpc/support/time.h>

#include "runtime.h"
#include "slices.h"
#include "status_details.h"

namespace signet::rpc_grpc {

ServerStream::ServerStream(const Method& method, const Owner* owner, CallCounter* counter,
                           PeerPtr peer, grpc::GenericCallbackServerContext* context)
    : Stream(method.handler, owner),
      method_(method),
      counter_(counter),
      peer_(std::move(peer)),
      context_(context),
      record_(owner->host.monotonic_ns()) {}

void ServerStream::open() {
  const signet_status code =
      handler_->open ? handler_->open(method_.self, abi(), &peer_->abi, &state_) : SIGNET_OK;
  if (code == SIGNET_OK) return;
  silent_ = true;
  finish(nullptr, code, to_abi(std::string_view("the call was refused")), {});
}

void ServerStream::read() {
  std::lock_guard lock(mutex_);
  if (end_) return;
  if (read_active_) {
    ++credits_;
    return;
  }
  read_active_ = true;
  StartRead(&in_);
}

void ServerStream::finish(signet_blob* last, signet_status code, signet_str message,
                          signet_bytes detail) {
  grpc::Status status;
  if (code != SIGNET_OK) {
    const std::string words(view(message));
    std::string details;
    if (detail.len != 0) details = encode_status_details(code, words, view(detail));
    status = grpc::Status(static_cast<grpc::StatusCode>(code), words, details);
  }
  std::lock_guard lock(mutex_);
  if (end_) {  // cancelled meanwhile, or finished twice
    if (last) blob_api()->unref(last);
    return;
  }
  if (last) {
    queue_.push_back(last);
    queued_bytes_ += blob_api()->bytes(last).len;
  }
  request_finish(std::move(status));
}

void ServerStream::request_finish(grpc::Status status) {
  closed_ = true;
  end_code_ = status.error_code();
  end_ = std::make_unique<grpc::Status>(std::move(status));
  advance();
}

void ServerStream::advance() {
  if (end_started_ || write_active_) return;
  if (has_queue()) {
    take_next_write();
    if (end_ && !has_queue()) {
      end_started_ = true;
      StartWriteAndFinish(&out_, grpc::WriteOptions(), std::move(*end_));
    } else {
      StartWrite(&out_);
    }
  } else if (end_) {
    end_started_ = true;
    Finish(std::move(*end_));
  }
}

void ServerStream::OnReadDone(bool ok) {
  {
    std::lock_guard lock(mutex_);
    read_active_ = false;
    if (end_) {
      in_.Clear();
      return;
    }
    Event event{ok ? Event::kMessage : Event::kHalfClose, {}};
    if (ok) event.message.Swap(&in_);
    const bool run = queue_event(std::move(event));
    if (ok && credits_ != 0) {
      --credits_;
      read_active_ = true;
      StartRead(&in_);
    }
    if (!run) return;
  }
  run_events();
}

void ServerStream::OnWriteDone(bool ok) {
  {
    std::lock_guard lock(mutex_);
    const bool writable = write_finished() && !end_ && ok;
    if (!ok) {
      closed_ = true;
      drop_queue();
      if (!end_) {
        cancelled_ = true;
        request_finish(grpc::Status(grpc::StatusCode::CANCELLED, "the connection is lost"));
        return;
      }
    }
    advance();
    if (!writable || !queue_event({Event::kWritable, {}})) return;
  }
  run_events();
}

void ServerStream::OnCancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  closed_ = true;
  drop_queue();
  if (!end_) {
    request_finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller cancelled"));
  } else {
    end_code_ = SIGNET_CANCELLED;
    advance();
  }
}

void ServerStream::overloaded() {
  std::lock_guard lock(mutex_);
  if (!end_)
    request_finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the server is overloaded"));
}

void ServerStream::OnDone() {
  {
    std::lock_guard lock(mutex_);
    context_ = nullptr;
    if (!queue_event({Event::kDone, {}})) return;
  }
  run_events();
}

void ServerStream::run_done() {
  record_.log(*owner_, method_.name, end_code_, *peer_);
  if (!silent_) handler_->done(state_, abi(), end_code_, {}, {});
  CallCounter* counter = counter_;
  delete this;
  counter->call_ended();
}

void ServerStream::audit(signet_str key, signet_str value) {
  std::lock_guard lock(mutex_);
  if (!end_) record_.add(key, value);
}

std::size_t ServerStream::metadata(signet_str key, signet_str* values, std::size_t max) {
  std::lock_guard lock(mutex_);
  if (!context_) return 0;
  const auto& all = context_->client_metadata();
  std::size_t n = 0;
  const auto [first, last] = all.equal_range(grpc::string_ref(key.ptr, key.len));
  for (auto it = first; it != last; ++it, ++n) {
    if (n >= max) continue;
    if (!metadata_) metadata_ = std::make_unique<std::deque<std::string>>();
    values[n] =
        to_abi(std::string_view(metadata_->emplace_back(it->second.data(), it->second.size())));
  }
  return n;
}

int64_t ServerStream::deadline() const {
  std::lock_guard lock(mutex_);
  if (!context_) return INT64_MAX;
  const gpr_timespec when = context_->raw_deadline();
  if (gpr_time_cmp(when, gpr_inf_future(when.clock_type)) == 0) return INT64_MAX;
  const gpr_timespec left = gpr_time_sub(when, gpr_now(when.clock_type));
  if (left.tv_sec > 1'000'000'000) return INT64_MAX;
  return owner_->host.monotonic_ns() + left.tv_sec * 1'000'000'000 + left.tv_nsec;
}

}  // namespace signet::rpc_grpc
