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

constexpr std::size_t kCrowded = 64 * 1024;     // bytes in the write buffer, then it is written out
constexpr std::size_t kMaxUnsent = 512 * 1024;  // only TLS's own answers come on top of kCrowded
constexpr std::size_t kMaxHeldMessages = 8;     // of the greatest size, per connection
constexpr std::size_t kLoggedPath = 256;        // bytes of what the peer chose
constexpr int64_t kAgeNoticeNs = 1'000'000'000;

}  // namespace

H2Connection::H2Connection(H2Loop* loop, std::shared_ptr<H2Service> service,
                           ConnectionPtr connection, std::unique_ptr<TlsSession> tls)
    : loop_(loop),
      service_(std::move(service)),
      connection_(std::move(connection)),
      tls_(std::move(tls)) {}

H2Connection::~H2Connection() {
  loop_->set_deadline(this, INT64_MAX);
  nghttp2_session_del(session_);
}

void H2Connection::start() {
  loop_->set_deadline(this, loop_->now_ns() + h2_preface_timeout_ns);
  put(service_->settings().bytes);
  write_out();
  if (closed_ || !tls_) return;
  if (const std::string early = tls_->take_early(); !early.empty()) decrypt(early);
}

bool H2Connection::make_session() {
  session_ = new_h2_session(this, service_->settings());
  if (session_ && draining_) nghttp2_submit_goaway(session_, 0, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  return session_ != nullptr;
}

// A tenth more or less, so that callers who came together do not come back together.
int64_t H2Connection::end_of_age() const {
  const int64_t age_s = service_->options().max_connection_age_s;
  if (age_s == 0) return INT64_MAX;
  const uint64_t scattered = connection_->peer->abi.connection * UINT64_C(0x9e3779b97f4a7c15);
  const auto permille = static_cast<int64_t>(900 + (scattered >> 32) % 201);
  return loop_->now_ns() + age_s * permille * 1'000'000;
}

void H2Connection::expired() {
  if (!greeted_) return close("no HTTP/2 preface in time");
  if (std::exchange(aged_, true)) return go_away();
  // RFC 9113 6.8: first a GOAWAY that refuses nothing, so that no call that is under way to us is
  // lost; the real one when the peer has surely read it.
  nghttp2_submit_shutdown_notice(session_);
  loop_->set_deadline(this, loop_->now_ns() + kAgeNoticeNs);
  wants_flush();
}

void H2Connection::ready(uint32_t events) {
  if (closed_) return;
  if ((events & EPOLLOUT) && unsent_) {
    const std::unique_ptr<std::string> rest = std::move(unsent_);
    if (send_wire(*rest)) {
      loop_->watch(this, EPOLLIN);
      flush();
    }
    OPENSSL_cleanse(rest->data(), rest->size());
  }
  if (!closed_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) receive();
}

void H2Connection::receive() {
  const ssize_t n = recv(fd(), loop_->read_buffer(), H2Loop::kReadSize, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return close(n == 0 ? position_.cut() : std::strerror(errno));
  const auto size = static_cast<std::size_t>(n);
  if (tls_) {
    decrypt({reinterpret_cast<const char*>(loop_->read_buffer()), size});
  } else {
    parse(loop_->read_buffer(), size);
  }
}

void H2Connection::decrypt(std::string_view bytes) {
  tls_->feed(bytes);
  for (;;) {
    const int n = tls_->read(loop_->plain_buffer(), H2Loop::kPlainSize);
    if (n == 0) break;
    if (n < 0) return close(tls_->failure() ? tls_->failure() : position_.cut());
    parse(loop_->plain_buffer(), static_cast<std::size_t>(n));
    OPENSSL_cleanse(loop_->plain_buffer(), static_cast<std::size_t>(n));
    if (closed_) return;
  }
  if (!tls_->output().empty()) send_wire(std::exchange(tls_->output(), {}));
}

void H2Connection::parse(const uint8_t* bytes, std::size_t size) {
  if (!session_ && !make_session()) return close("out of memory");
  position_.pass(bytes, size);
  const ssize_t used = nghttp2_session_mem_recv(session_, bytes, size);
  if (used < 0) return close(nghttp2_strerror(static_cast<int>(used)));
  wants_flush();
}

bool H2Connection::hold(std::size_t bytes) {
  held_ += bytes;
  return held_ <= kMaxHeldMessages * static_cast<std::size_t>(service_->options().max_message);
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
  // As the vector's own elements: converted one by one it would take ten times as long.
  const auto* first = reinterpret_cast<const uint8_t*>(bytes.data());
  buffer.insert(buffer.end(), first, first + bytes.size());
}

bool H2Connection::write_out() {
  std::vector<uint8_t>& buffer = loop_->write_buffer();
  const std::string_view bytes(reinterpret_cast<const char*>(buffer.data()), buffer.size());
  bool sent = false;
  if (!tls_) {
    sent = send_wire(bytes);
  } else if (tls_->write(bytes)) {
    sent = send_wire(std::exchange(tls_->output(), {}));
  } else {
    close(tls_->failure());
  }
  // Answers may hold keys; the buffer is every connection's.
  OPENSSL_cleanse(buffer.data(), buffer.size());
  buffer.clear();
  return sent;
}

bool H2Connection::send_wire(std::string_view bytes) {
  while (!unsent_ && !bytes.empty()) {
    const ssize_t n = send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      unsent_ = std::make_unique<std::string>();
      loop_->watch(this, EPOLLIN | EPOLLOUT);
    } else if (errno != EINTR) {
      close(errno == EPIPE ? nullptr : std::strerror(errno));
      return false;
    }
  }
  if (!unsent_) return true;
  unsent_->append(bytes);
  if (unsent_->size() > kMaxUnsent) close("the caller does not read");
  return false;
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
  if (reason) service_->owner().host.debug("Connection closed", {{"reason", reason}, caller()});
  loop_->set_deadline(this, INT64_MAX);
  while (first_stream) first_stream->detach();
  if (tls_ && !unsent_) {
    tls_->close_notify();
    const std::string& last = tls_->output();
    [[maybe_unused]] const ssize_t n =
        send(fd(), last.data(), last.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (unsent_) OPENSSL_cleanse(unsent_->data(), unsent_->size());
  loop_->remove(this);
  connection_->shut_down();
  service_->connection_ended(connection_);
  connection_.reset();
}

Field H2Connection::caller() const {
  const Peer& peer = *connection_->peer;
  if (peer.abi.transport == SIGNET_RPC_UNIX) return {"caller_pid", peer.abi.pid};
  return {"caller_addr", peer.address};
}

void H2Connection::start_call(int32_t id, bool ended) {
  const std::unique_ptr<H2Request> request = std::move(request_);
  if (!request) return;
  if (request->malformed()) {
    service_->owner().host.debug("Call refused", {{"reason", "malformed request"}, caller()});
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  H2Request::Refusal refusal = request->check();
  const Method* method = nullptr;
  if (refusal.code == SIGNET_OK) {
    method = service_->find_method(request->path());
    if (!method) {
      refusal = {200, SIGNET_UNIMPLEMENTED, service_->unknown_method_words(request->path())};
    }
  }
  if (refusal.code != SIGNET_OK) return refuse(id, *request, refusal);
  if (!connection_->known) {
    if (const Status s = service_->know_peer(*connection_); !s.ok()) {
      refuse(id, *request, {200, static_cast<signet_status>(s.code()), s.message()});
      return go_away();
    }
  }
  auto* stream = new H2Stream(this, id, *method, connection_->peer, *request);
  nghttp2_session_set_stream_user_data(session_, id, stream);
  service_->call_began();
  stream->open();
  if (ended) stream->caller_ended();
}

void H2Connection::refuse(int32_t id, const H2Request& request, const H2Request::Refusal& refusal) {
  service_->owner().host.debug(
      "Call refused", {{"method", std::string_view(request.path()).substr(0, kLoggedPath)},
                       {"status", code_name(static_cast<Code>(refusal.code))},
                       {"reason", std::string_view(refusal.message).substr(0, kLoggedPath)},
                       caller()});
  H2Headers headers(refusal.http_status);
  headers.add_status(refusal.code, refusal.message, {});
  nghttp2_submit_response(session_, id, headers.data(), headers.size(), nullptr);
}

}  // namespace signet::rpc_grpc
