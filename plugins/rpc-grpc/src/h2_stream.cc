#include "h2_stream.h"

#include <algorithm>

#include <nghttp2/nghttp2.h>

#include "h2_connection.h"
#include "h2_headers.h"
#include "h2_request.h"
#include "status_details.h"

namespace signet::rpc_grpc {

H2Stream::H2Stream(H2Connection* connection, int32_t id, const Method& method, PeerPtr peer,
                   H2Request& request)
    : Stream(method.handler, &connection->service().owner()),
      connection_(connection),
      next_(connection->first_stream),
      id_(id),
      compressed_(request.compressed()),
      loop_(connection->loop()),
      method_(method),
      counter_(&connection->service()),
      peer_(std::move(peer)),
      metadata_(request.take_metadata()),
      record_(connection->loop().now_ns()) {
  if (next_) next_->previous_ = this;
  connection->first_stream = this;
  if (request.timeout_ns() != INT64_MAX) {
    deadline_ns_ = loop_.now_ns() + request.timeout_ns();
    loop_.set_deadline(this, deadline_ns_);
  }
}

void H2Stream::open() {
  const signet_status code =
      handler_->open ? handler_->open(method_.self, abi(), &peer_->abi, &state_) : SIGNET_OK;
  if (code == SIGNET_OK) return;
  silent_ = true;
  finish(nullptr, code, to_abi(std::string_view("the call was refused")), {});
}

// What handlers call.

void H2Stream::advance() {
  if (kicked_.exchange(true)) return;
  refs_.fetch_add(1, std::memory_order_relaxed);
  loop_.kick(this);
}

void H2Stream::unref() {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void H2Stream::read() {
  std::lock_guard lock(mutex_);
  if (end_) return;
  ++credits_;
  advance();
}

void H2Stream::finish(signet_blob* last, signet_status code, signet_str message,
                      signet_bytes detail) {
  std::string words;
  std::string details;
  if (code != SIGNET_OK) {
    words = view(message);
    if (detail.len != 0) details = encode_status_details(code, words, view(detail));
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
  end_call(code, std::move(words), std::move(details));
}

void H2Stream::end_call(signet_status code, std::string message, std::string details) {
  closed_ = true;
  end_code_ = code;
  end_ = std::make_unique<End>(End{code, std::move(message), std::move(details)});
  advance();
}

void H2Stream::overloaded() {
  std::lock_guard lock(mutex_);
  if (!end_) end_call(SIGNET_RESOURCE_EXHAUSTED, "the server is overloaded");
}

void H2Stream::audit(signet_str key, signet_str value) {
  std::lock_guard lock(mutex_);
  if (!end_) record_.add(key, value);
}

std::size_t H2Stream::metadata(signet_str key, signet_str* values, std::size_t max) {
  return find_metadata(metadata_, view(key), values, max);
}

// What the caller sends.

void H2Stream::received(std::string_view bytes) {
  unconsumed_ += static_cast<uint32_t>(bytes.size());
  while (!deaf_ && !bytes.empty()) {
    if (prefix_have_ < kPrefix) {
      prefix_[prefix_have_++] = static_cast<uint8_t>(bytes.front());
      bytes.remove_prefix(1);
      if (prefix_have_ < kPrefix) continue;
      if (prefix_[0] > 1) return fail(SIGNET_INTERNAL, "malformed message prefix");
      if (prefix_[0] == 1 && !compressed_) {
        return fail(SIGNET_INTERNAL, "compressed flag set with identity or empty encoding");
      }
      if (prefix_[0] == 1) return fail(SIGNET_UNIMPLEMENTED, "compression is not supported");
      expected_ = static_cast<uint32_t>(prefix_[1]) << 24 |
                  static_cast<uint32_t>(prefix_[2]) << 16 | static_cast<uint32_t>(prefix_[3]) << 8 |
                  prefix_[4];
      const auto limit = static_cast<uint32_t>(connection_->service().options().max_message);
      if (expected_ > limit) {
        return fail(SIGNET_RESOURCE_EXHAUSTED, "Received message larger than max (" +
                                                   std::to_string(expected_) + " vs. " +
                                                   std::to_string(limit) + ")");
      }
    }
    const std::string_view part = bytes.substr(0, expected_ - incoming_.size());
    incoming_.append(part);
    bytes.remove_prefix(part.size());
    held_ += part.size();
    if (!connection_->hold(part.size())) {
      return fail(SIGNET_RESOURCE_EXHAUSTED, "too many unfinished messages on the connection");
    }
    if (incoming_.size() == expected_) {
      waiting_.push_back(std::move(incoming_));
      incoming_.clear();
      prefix_have_ = 0;
    }
  }
  deliver();
}

void H2Stream::caller_ended() {
  remote_closed_ = true;
  if (prefix_have_ != 0 && !deaf_) return fail(SIGNET_INTERNAL, "the last message is incomplete");
  deliver();
}

void H2Stream::let_go(std::size_t bytes) {
  held_ -= bytes;
  connection_->let_go(bytes);
}

void H2Stream::fail(signet_status code, std::string message) {
  deaf_ = true;
  incoming_ = {};
  std::lock_guard lock(mutex_);
  if (!end_) {
    end_call(code, std::move(message));
  } else {
    advance();  // its bytes are given back
  }
}

// Hands over what a credit waits for, and opens the window while more is wanted.
void H2Stream::deliver() {
  bool run = false;
  bool wanted = deaf_;
  std::size_t delivered = 0;
  {
    std::lock_guard lock(mutex_);
    if (end_) deaf_ = wanted = true;
    std::size_t n = 0;
    while (!deaf_ && n < waiting_.size() && credits_ > 0) {
      --credits_;
      delivered += waiting_[n].size();
      run |= queue_event({Event::kBytes, {}, std::move(waiting_[n++])});
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(n));
    if (deaf_ || waiting_.empty()) std::vector<std::string>().swap(waiting_);
    if (!deaf_ && waiting_.empty() && remote_closed_ && credits_ > 0 && !half_close_told_) {
      half_close_told_ = true;
      --credits_;
      run |= queue_event({Event::kHalfClose});
    }
    wanted |= credits_ > 0;
  }
  if (deaf_) incoming_ = {};
  let_go(deaf_ ? held_ : delivered);
  if (wanted && unconsumed_ != 0) {
    nghttp2_session_consume_stream(connection_->session(), id_, unconsumed_);
    unconsumed_ = 0;
  }
  if (run) run_events();
}

// What the answer is made of.

void H2Stream::serve() {
  kicked_.store(false);
  if (!connection_) return;
  deliver();
  if (connection_) respond();
}

void H2Stream::respond() {
  std::lock_guard lock(mutex_);
  if (!end_ && !has_queue()) {
    connection_->wants_flush();  // a window may have opened
    return;
  }
  nghttp2_session* session = connection_->session();
  if (responded_) {
    nghttp2_session_resume_data(session, id_);  // says no when nothing is deferred: fine
  } else {
    responded_ = true;
    H2Headers headers(200);
    if (!has_queue()) {
      headers.add_status(end_->code, end_->message, end_->details);
      nghttp2_submit_response(session, id_, headers.data(), headers.size(), nullptr);
    } else {
      nghttp2_data_provider provider{{.ptr = this}, &H2Stream::read_data};
      nghttp2_submit_response(session, id_, headers.data(), headers.size(), &provider);
    }
  }
  connection_->wants_flush();
}

ssize_t H2Stream::read_data(nghttp2_session*, int32_t, uint8_t*, std::size_t length,
                            uint32_t* flags, nghttp2_data_source* source, void*) {
  return static_cast<H2Stream*>(source->ptr)->provide(length, flags);
}

// Says how much of the head of the queue goes into the next frame; write_data() puts it there.
ssize_t H2Stream::provide(std::size_t length, uint32_t* flags) {
  if (connection_->crowded()) {
    starved_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  std::lock_guard lock(mutex_);
  std::size_t size = 0;
  bool last = end_ && !has_queue();
  if (has_queue()) {
    const std::size_t left = kPrefix + blob_api()->bytes(queue_[next_write_]).len - written_;
    size = std::min(left, length);
    last = end_ && size == left && next_write_ + 1 == queue_.size();
  } else if (!last) {
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (last) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    H2Headers trailers{H2Headers::Trailers{}};
    trailers.add_status(end_->code, end_->message, end_->details);
    if (nghttp2_submit_trailer(connection_->session(), id_, trailers.data(), trailers.size()) != 0)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  return static_cast<ssize_t>(size);
}

void H2Stream::resume() {
  if (std::exchange(starved_, false)) nghttp2_session_resume_data(connection_->session(), id_);
}

void H2Stream::write_data(std::size_t size) {
  signet_blob* sent = nullptr;
  bool run = false;
  {
    std::lock_guard lock(mutex_);
    if (size == 0 || !has_queue()) return;
    const std::string_view bytes = view(blob_api()->bytes(queue_[next_write_]));
    if (written_ < kPrefix) {
      const auto n = static_cast<uint32_t>(bytes.size());
      const char prefix[kPrefix] = {0, static_cast<char>(n >> 24), static_cast<char>(n >> 16),
                                    static_cast<char>(n >> 8), static_cast<char>(n)};
      const std::size_t part = std::min(size, kPrefix - written_);
      connection_->put({prefix + written_, part});
      written_ += part;
      size -= part;
    }
    if (size != 0) {
      connection_->put(bytes.substr(written_ - kPrefix, size));
      written_ += size;
    }
    if (written_ == kPrefix + bytes.size()) {
      sent = queue_[next_write_++];
      written_ = 0;
      queued_bytes_ -= bytes.size();
      if (!has_queue()) drop_queue();  // an idle stream keeps no buffer
      run = wants_writable_ && !end_ && queued_bytes_ <= kLowMark &&
            std::exchange(wants_writable_, false) && queue_event({Event::kWritable});
    }
  }
  if (sent) blob_api()->unref(sent);
  if (run) run_events();
}

// How it ends.

void H2Stream::reset() {
  nghttp2_submit_rst_stream(connection_->session(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
  connection_->wants_flush();
}

void H2Stream::expired() {
  if (!connection_) return;
  bool stuck = false;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    // A message that is half out cannot be followed by trailers.
    stuck = end_ || written_ != 0;
    drop_queue();
    written_ = 0;
    if (!end_) {
      end_call(SIGNET_DEADLINE_EXCEEDED, "Deadline Exceeded");
    } else {
      end_code_ = SIGNET_DEADLINE_EXCEEDED;
    }
  }
  if (stuck) reset();
}

void H2Stream::detach() {
  if (!connection_) return;
  let_go(held_);
  H2Connection* connection = std::exchange(connection_, nullptr);
  (previous_ ? previous_->next_ : connection->first_stream) = next_;
  if (next_) next_->previous_ = previous_;
  nghttp2_session_set_stream_user_data(connection->session(), id_, nullptr);
  loop_.set_deadline(this, INT64_MAX);
  incoming_ = {};
  waiting_ = {};
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    const std::size_t unread = queue_.size() - next_write_;
    drop_queue();
    if (!trailers_sent_) {
      cancelled_ = true;
      if (!end_ || end_code_ == SIGNET_OK) end_code_ = SIGNET_CANCELLED;
      if (!end_) end_ = std::make_unique<End>();
      if (end_->message.empty() && unread != 0)
        end_->message = "the caller left " + std::to_string(unread) + " answers unread";
    }
    if (!queue_event({Event::kDone})) return;
  }
  run_events();
}

void H2Stream::run_done() {
  record_.log(*owner_, method_.name, end_code_,
              end_ ? std::string_view(end_->message) : std::string_view(), *peer_);
  if (!silent_) handler_->done(state_, abi(), end_code_, {}, {});
  CallCounter* counter = counter_;
  peer_.reset();
  unref();
  counter->call_ended();
}

}  // namespace signet::rpc_grpc
