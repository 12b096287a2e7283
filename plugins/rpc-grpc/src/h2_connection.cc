#include "h2_connection.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <openssl/crypto.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "h2_headers.h"
#include "h2_session.h"
#include "h2_stream.h"

namespace signet::rpc_grpc {

int64_t h2_preface_timeout_ns = 20'000'000'000;

namespace {

constexpr std::size_t kCrowded = 64 * 1024;  // bytes in the write buffer, then it is written out

const std::string& settings_of(int max_streams) {  // loop thread only
  static int last = -1;
  static std::string bytes;
  if (last != max_streams) bytes = h2_settings_frame(last = max_streams);
  return bytes;
}

}  // namespace

H2Connection::H2Connection(H2Loop* loop, std::shared_ptr<H2Service> service,
                           ConnectionPtr connection)
    : loop_(loop), service_(std::move(service)), connection_(std::move(connection)) {}

H2Connection::~H2Connection() {
  loop_->set_deadline(this, INT64_MAX);
  nghttp2_session_del(session_);
}

void H2Connection::start() {
  loop_->set_deadline(this, loop_->now_ns() + h2_preface_timeout_ns);
  put(settings_of(service_->options().max_streams));
  write_out();
}

bool H2Connection::make_session() {
  session_ = new_h2_session(this, service_->options().max_streams);
  if (session_ && draining_) nghttp2_submit_goaway(session_, 0, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  return session_ != nullptr;
}

void H2Connection::expired() {
  if (!greeted_) return close("no HTTP/2 preface in time");
  go_away();  // its age
}

void H2Connection::ready(uint32_t events) {
  if (closed_) return;
  if ((events & EPOLLOUT) && unsent_) {
    std::string rest = std::move(*unsent_);
    unsent_.reset();
    put(rest);
    OPENSSL_cleanse(rest.data(), rest.size());
    if (write_out()) {
      loop_->watch_writes(this, false);
      flush();
    }
  }
  if (!closed_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) receive();
}

void H2Connection::receive() {
  const ssize_t n = recv(fd(), loop_->read_buffer(), H2Loop::kReadSize, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return close(n == 0 ? nullptr : std::strerror(errno));
  if (!session_ && !make_session()) return close("out of memory");
  const ssize_t used =
      nghttp2_session_mem_recv(session_, loop_->read_buffer(), static_cast<std::size_t>(n));
  if (used < 0) return close(nghttp2_strerror(static_cast<int>(used)));
  wants_flush();
}

void H2Connection::wants_flush() {
  if (!std::exchange(dirty_, true)) loop_->mark_dirty(this);
}

void H2Connection::flush() {
  dirty_ = false;
  if (closed_ || !session_ || unsent_) return;
  for (bool more = true; more;) {
    const uint8_t* bytes = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &bytes);
    if (n < 0) return close(nghttp2_strerror(static_cast<int>(n)));
    put({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n)});
    more = n > 0;
    if ((!more || loop_->write_buffer().size() >= kCrowded) && !write_out()) return;
    if (!more && std::exchange(crowded_, false)) {
      for (H2Stream* s = first_stream; s; s = s->next()) s->resume();
      more = true;
    }
  }
  if (!nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_))
    close(trouble_);
}

bool H2Connection::crowded() {
  const bool full = loop_->write_buffer().size() >= kCrowded;
  crowded_ |= full;
  return full;
}

void H2Connection::put(std::string_view bytes) {
  std::vector<uint8_t>& buffer = loop_->write_buffer();
  buffer.insert(buffer.end(), bytes.begin(), bytes.end());
}

bool H2Connection::write_out() {
  std::vector<uint8_t>& buffer = loop_->write_buffer();
  std::size_t at = 0;
  int error = 0;
  while (at < buffer.size()) {
    const ssize_t n =
        send(fd(), buffer.data() + at, buffer.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      at += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      error = errno;
      break;
    }
  }
  if (error == EAGAIN) {
    unsent_ = std::make_unique<std::string>(reinterpret_cast<const char*>(buffer.data()) + at,
                                            buffer.size() - at);
    loop_->watch_writes(this, true);
  }
  // Answers may hold keys; the buffer is every connection's.
  OPENSSL_cleanse(buffer.data(), buffer.size());
  buffer.clear();
  if (error != 0 && error != EAGAIN) close(error == EPIPE ? nullptr : std::strerror(error));
  return error == 0;
}

void H2Connection::go_away() {
  if (closed_ || std::exchange(draining_, true)) return;
  if (!session_) return close(nullptr);
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  wants_flush();
}

void H2Connection::close(const char* reason) {
  if (std::exchange(closed_, true)) return;
  if (reason) {
    service_->owner().host.debug("Connection closed",
                                 {{"reason", reason}, {"caller_pid", connection_->peer->abi.pid}});
  }
  loop_->set_deadline(this, INT64_MAX);
  while (first_stream) first_stream->detach();
  if (unsent_) OPENSSL_cleanse(unsent_->data(), unsent_->size());
  loop_->remove(this);
  connection_->shut_down();
  service_->connection_ended(connection_);
  connection_.reset();
}

void H2Connection::start_call(int32_t id, bool ended) {
  const std::unique_ptr<H2Request> request = std::move(request_);
  if (!request) return;
  H2Request::Refusal refusal = request->check();
  const Method* method = nullptr;
  if (refusal.code == SIGNET_OK) {
    method = service_->find_method(request->path());
    if (!method) {
      refusal = {200, SIGNET_UNIMPLEMENTED, service_->unknown_method_words(request->path())};
    }
  }
  if (refusal.code != SIGNET_OK) return refuse(id, refusal);
  auto* stream = new H2Stream(this, id, *method, connection_->peer, *request);
  nghttp2_session_set_stream_user_data(session_, id, stream);
  service_->call_began();
  stream->open();
  if (ended) stream->half_closed();
}

void H2Connection::refuse(int32_t id, const H2Request::Refusal& refusal) {
  H2Headers headers(refusal.http_status);
  headers.add_status(refusal.code, refusal.message, {});
  nghttp2_submit_response(session_, id, headers.data(), headers.size(), nullptr);
}

}  // namespace signet::rpc_grpc
