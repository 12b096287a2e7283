#include "h2_session.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "h2_connection.h"
#include "h2_stream.h"

namespace signet::rpc_grpc {

// nghttp2's C callbacks; `user` is the H2Connection.
struct H2Callbacks {
  static H2Connection* of(void* user) { return static_cast<H2Connection*>(user); }
  static H2Stream* stream_of(nghttp2_session* session, int32_t id) {
    return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static constexpr std::size_t kFrameHead = 9;

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      of(user)->request_ = std::make_unique<H2Request>();
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                       void* user) {
    H2Connection* c = of(user);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && c->request_) {
      c->request_->add({reinterpret_cast<const char*>(name), name_size},
                       {reinterpret_cast<const char*>(value), value_size});
    }
    return 0;
  }

  static int on_frame_recv(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Connection* c = of(user);
    const bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_SETTINGS:
        if (!c->greeted_ && !(frame->hd.flags & NGHTTP2_FLAG_ACK)) {
          c->greeted_ = true;
          c->loop_->set_deadline(c, c->end_of_age());
        }
        break;
      case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
          c->start_call(frame->hd.stream_id, ended);
        } else if (!ended) {  // trailers end a side (RFC 9113 8.1)
          nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                    NGHTTP2_PROTOCOL_ERROR);
        } else if (H2Stream* s = stream_of(session, frame->hd.stream_id)) {
          s->caller_ended();
        }
        break;
      case NGHTTP2_DATA:
        if (H2Stream* s = stream_of(session, frame->hd.stream_id); s && ended) s->caller_ended();
        break;
      default:
        break;
    }
    return 0;
  }

  static int on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                     size_t size, void*) {
    nghttp2_session_consume_connection(session, size);
    if (H2Stream* s = stream_of(session, id)) {
      s->received({reinterpret_cast<const char*>(data), size});
    } else {
      nghttp2_session_consume_stream(session, id, size);  // of a call that is refused
    }
    return 0;
  }

  static int on_frame_send(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
        of(user)->trouble_ == nullptr && !of(user)->leaving_) {
      of(user)->trouble_ = nghttp2_http2_strerror(frame->goaway.error_code);
    }
    if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    const int32_t id = frame->hd.stream_id;
    if (H2Stream* s = stream_of(session, id)) s->trailers_went_out();
    // The answer is complete; what the peer still has to say is not wanted.
    if (nghttp2_session_get_stream_remote_close(session, id) == 0)
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
    return 0;
  }

  static int on_stream_close(nghttp2_session* session, int32_t id, uint32_t, void*) {
    if (H2Stream* s = stream_of(session, id)) s->detach();
    return 0;
  }

  // Go's clients say goodbye with a GOAWAY that names a stream of their own, which nghttp2 takes
  // for an error (RFC 9113 6.8): they are gone either way, and nothing is wrong.
  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      of(user)->leaving_ = true;
    } else {
      of(user)->trouble_ = nghttp2_strerror(error);
    }
    return 0;
  }

  static int on_error(nghttp2_session*, int error, const char*, size_t, void* user) {
    of(user)->trouble_ = nghttp2_strerror(error);
    return 0;
  }

  static int send_data(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t size,
                       nghttp2_data_source* source, void* user) {
    H2Connection* c = of(user);
    if (frame->data.padlen != 0) return NGHTTP2_ERR_CALLBACK_FAILURE;  // we never pad
    c->put({reinterpret_cast<const char*>(head), kFrameHead});
    static_cast<H2Stream*>(source->ptr)->write_data(size);
    return 0;
  }
};

namespace {

constexpr std::size_t kMaxUnsentAcks = 64;  // a flood of PING or SETTINGS ends the connection

// nghttp2 1.52 keeps a buffer of 16 KiB per session, to build a frame in. What is in it is of no
// use once nghttp2_session_mem_send() has returned the bytes and we have copied them, and a send
// never stops half way (H2Stream::provide() defers instead): so all sessions of one
// thread build their frames in one buffer. A session's later allocations are its own.
class FrameBuffer {
 public:
  nghttp2_mem* shared() { return &mem_; }
  void begin_session() { lend_ = true; }
  void end_session() { lend_ = false; }

 private:
  static constexpr std::size_t kLeast = 16 * 1024;
  static constexpr std::size_t kSize = 32 * 1024;

  static void* allocate(std::size_t size, void* self) {
    auto& b = *static_cast<FrameBuffer*>(self);
    if (size < kLeast || size > kSize || !std::exchange(b.lend_, false)) return std::malloc(size);
    return b.bytes_;
  }
  static void release(void* p, void* self) {
    if (p != static_cast<FrameBuffer*>(self)->bytes_) std::free(p);
  }
  static void* allocate_zeroed(std::size_t n, std::size_t size, void*) {
    return std::calloc(n, size);
  }
  static void* reallocate(void* p, std::size_t size, void* self) {
    auto& b = *static_cast<FrameBuffer*>(self);
    if (!p) return allocate(size, self);
    if (p != b.bytes_) return std::realloc(p, size);
    void* own = std::malloc(size);
    if (own) std::memcpy(own, p, std::min(size, kSize));
    return own;
  }

  alignas(16) uint8_t bytes_[kSize];
  bool lend_ = false;
  nghttp2_mem mem_{this, &allocate, &release, &allocate_zeroed, &reallocate};
};

nghttp2_session_callbacks* make_callbacks() {
  nghttp2_session_callbacks* c = nullptr;
  nghttp2_session_callbacks_new(&c);
  nghttp2_session_callbacks_set_on_begin_headers_callback(c, &H2Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(c, &H2Callbacks::on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(c, &H2Callbacks::on_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, &H2Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(c, &H2Callbacks::on_frame_send);
  nghttp2_session_callbacks_set_on_stream_close_callback(c, &H2Callbacks::on_stream_close);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, &H2Callbacks::on_invalid_frame);
  nghttp2_session_callbacks_set_error_callback2(c, &H2Callbacks::on_error);
  nghttp2_session_callbacks_set_send_data_callback(c, &H2Callbacks::send_data);
  return c;
}

nghttp2_option* make_options() {
  nghttp2_option* o = nullptr;
  nghttp2_option_new(&o);
  nghttp2_option_set_no_http_messaging(o, 1);      // H2Request::malformed() looks itself
  nghttp2_option_set_no_auto_window_update(o, 1);  // windows follow the handlers' credits
  nghttp2_option_set_no_closed_streams(o, 1);
  nghttp2_option_set_max_deflate_dynamic_table_size(o, 0);
  nghttp2_option_set_max_reserved_remote_streams(o, 0);
  nghttp2_option_set_max_outbound_ack(o, kMaxUnsentAcks);
  nghttp2_option_set_stream_reset_rate_limit(o, 1000, 1000);  // cancels: burst, per second
  return o;
}

// Submits and "sends" them; the bytes are appended to `out` when it is not null.
bool send_settings(nghttp2_session* session, const H2Settings& settings, std::string* out) {
  const std::array<nghttp2_settings_entry, 5> entries = {{
      {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},  // no memory for each connection's headers
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<uint32_t>(settings.max_streams)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(settings.stream_window)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2Request::kMaxHeaders},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},  // so that PRIORITY frames build no tree
  }};
  if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) != 0 ||
      nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                            settings.connection_window) != 0) {
    return false;
  }
  for (;;) {
    const uint8_t* bytes = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session, &bytes);
    if (n <= 0) return n == 0;
    if (out) out->append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
  }
}

}  // namespace

nghttp2_session* new_h2_session(H2Connection* connection, const H2Settings& settings) {
  static nghttp2_session_callbacks* const callbacks = make_callbacks();
  static nghttp2_option* const options = make_options();
  static thread_local FrameBuffer frames;
  nghttp2_session* session = nullptr;
  frames.begin_session();
  const int made =
      nghttp2_session_server_new3(&session, callbacks, connection, options, frames.shared());
  frames.end_session();
  if (made != 0) return nullptr;
  if (send_settings(session, settings, nullptr)) return session;
  nghttp2_session_del(session);
  return nullptr;
}

std::string h2_greeting(const H2Settings& settings) {
  nghttp2_session_callbacks* none = nullptr;
  nghttp2_session* session = nullptr;
  std::string out;
  if (nghttp2_session_callbacks_new(&none) != 0) return out;
  if (nghttp2_session_server_new(&session, none, nullptr) == 0) {
    send_settings(session, settings, &out);
    nghttp2_session_del(session);
  }
  nghttp2_session_callbacks_del(none);
  return out;
}

}  // namespace signet::rpc_grpc
