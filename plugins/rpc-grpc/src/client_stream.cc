#include "client_stream.h"

#include <utility>

#include "client.h"
#include "runtime.h"
#include "slices.h"
#include "status_details.h"

namespace signet::rpc_grpc {

ClientStream::ClientStream(ClientConnection* connection, std::string method,
                           const signet_rpc_handler* handler, void* st, int64_t deadline_ns,
                           signet_blob* first)
    : Stream(handler, &connection->owner()),
      connection_(connection),
      method_(std::move(method)),
      peer_(connection->peer()),
      deadline_ns_(deadline_ns) {
  state_ = st;
  if (!first) return;
  queue_.push_back(first);
  queued_bytes_ = blob_api()->bytes(first).len;
  half_close_wanted_ = (handler_->flags & SIGNET_RPC_CLIENT_STREAM) == 0;
}

void ClientStream::start(const std::shared_ptr<grpc::Channel>& channel) {
  {
    std::lock_guard lock(mutex_);
    if (!cancelled_) {
      grpc::GenericStub(channel).PrepareBidiStreamingCall(&context_, method_, grpc::StubOptions(),
                                                          this);
      AddHold();  // until the end was read: others start reads and writes meanwhile
      started_ = true;
      advance();
      read_active_ = true;
      StartRead(&in_);
    }
  }
  if (started_) {
    StartCall();
  } else {
    fail(grpc::Status(grpc::StatusCode::CANCELLED, "the call was cancelled"));
  }
}

void ClientStream::fail(grpc::Status status) { end(std::move(status), /*on_transport=*/false); }

void ClientStream::end(grpc::Status status, bool on_transport) {
  {
    std::lock_guard lock(mutex_);
    ended_ = closed_ = true;
    status_ = std::move(status);
    if (!queue_event({Event::kDone, {}})) return;
  }
  run_events(on_transport);
}

void ClientStream::read() {
  bool run = false;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    if (!have_message_) {
      ++credits_;
      return;
    }
    have_message_ = false;
    Event event{Event::kMessage, {}};
    event.message.Swap(&in_);
    run = queue_event(std::move(event));
    read_active_ = true;
    StartRead(&in_);
  }
  if (run) run_events(/*on_transport=*/false);
}

void ClientStream::OnReadDone(bool ok) {
  bool run = false;
  bool ended = false;
  {
    std::lock_guard lock(mutex_);
    read_active_ = false;
    if (!ok) {
      ended = !ended_;
      ended_ = true;
      closed_ = true;
      drop_queue();
    } else if (credits_ == 0) {
      have_message_ = true;
    } else {
      --credits_;
      Event event{Event::kMessage, {}};
      event.message.Swap(&in_);
      run = queue_event(std::move(event));
      read_active_ = true;
      StartRead(&in_);
    }
  }
  if (ended) RemoveHold();
  if (run) run_events();
}

void ClientStream::OnWriteDone(bool ok) {
  {
    std::lock_guard lock(mutex_);
    const bool writable = write_finished() && ok && !ended_;
    if (!ok) {
      closed_ = half_closed_ = true;  // a write that failed leaves nothing to close
      drop_queue();
    }
    advance();
    if (!writable || !queue_event({Event::kWritable, {}})) return;
  }
  run_events();
}

void ClientStream::take_next_write() {
  signet_blob* blob = queue_[next_write_++];
  writing_bytes_ = blob_api()->bytes(blob).len;
  out_ = to_byte_buffer(blob_api(), blob);
  if (next_write_ == queue_.size()) {
    std::vector<signet_blob*>().swap(queue_);  // an idle stream keeps no buffer
    next_write_ = 0;
  }
  write_active_ = true;
}

bool ClientStream::write_finished() {
  write_active_ = false;
  queued_bytes_ -= writing_bytes_;
  writing_bytes_ = 0;
  out_.Clear();
  return wants_writable_ && queued_bytes_ <= kLowMark && std::exchange(wants_writable_, false);
}

void ClientStream::advance() {
  if (!started_ || ended_ || write_active_ || half_closed_) return;
  if (has_queue()) {
    take_next_write();
    if (half_close_wanted_ && !has_queue()) {
      half_closed_ = true;
      StartWriteLast(&out_, grpc::WriteOptions());
    } else {
      StartWrite(&out_);
    }
  } else if (half_close_wanted_) {
    half_closed_ = true;
    StartWritesDone();
  }
}

void ClientStream::half_close() {
  std::lock_guard lock(mutex_);
  half_close_wanted_ = true;
  advance();
  closed_ = true;
}

void ClientStream::cancel() {
  bool ended = false;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    cancelled_ = true;
    if (!started_) return;
    if (!read_active_) {  // a message without a credit: nobody will read it any more
      ended = ended_ = true;
      closed_ = true;
      have_message_ = false;
      in_.Clear();
    }
    context_.TryCancel();
  }
  if (ended) RemoveHold();
}

void ClientStream::overloaded() { cancel(); }

void ClientStream::OnDone(const grpc::Status& status) { end(status, /*on_transport=*/true); }

void ClientStream::run_done() {
  const auto code = static_cast<signet_status>(status_.error_code());
  std::string message = status_.error_message();
  if (code == SIGNET_UNAVAILABLE) {
    const std::string why = connection_->verify_failure();
    if (!why.empty() && message.find(why) == message.npos) message += ": " + why;
  }
  const std::string detail = first_detail(status_.error_details());
  handler_->done(state_, abi(), code, to_abi(std::string_view(message)),
                 detail.empty() ? signet_bytes{} : bytes_to_abi(detail));
  peer_.reset();  // hang_up() returns after the acceptor's closed()
  // Out of the list first: hang_up() cancels what is listed.
  connection_->stream_ended(this);
  delete this;
}

}  // namespace signet::rpc_grpc
