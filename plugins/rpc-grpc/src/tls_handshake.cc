#include "tls_handshake.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

namespace signet::rpc_grpc {

int64_t tls_handshake_timeout_ns = 10'000'000'000;

namespace {

// A close with unread bytes is a reset, which may overtake the alert that says why.
constexpr int64_t kLingerNs = 1'000'000'000;

}  // namespace

TlsHandshake::TlsHandshake(H2Loop* loop, std::shared_ptr<H2Service> service,
                           std::shared_ptr<TlsServer> tls, ConnectionPtr connection)
    : loop_(loop),
      service_(std::move(service)),
      tls_(std::move(tls)),
      connection_(std::move(connection)),
      work_(std::make_shared<Work>(this, connection_->peer)) {}

TlsHandshake::~TlsHandshake() { loop_->set_deadline(this, INT64_MAX); }

void TlsHandshake::start() {
  loop_->set_deadline(this, loop_->now_ns() + tls_handshake_timeout_ns);
  place_ = tls_->handshake_began([loop = loop_, work = std::weak_ptr(work_)] {
    loop->post([work] {
      const auto w = work.lock();
      if (w && w->handshake) w->handshake->close("too many handshakes at once");
    });
  });
}

void TlsHandshake::expired() {
  close(state_ == TlsSession::State::kFailed ? nullptr : "no handshake in time");
}

void TlsHandshake::ready(uint32_t events) {
  if (closed_) return;
  if (stepping_) return close("the caller hung up");  // nothing else is watched
  if (events & EPOLLOUT) send_output();
  if (!closed_ && !stepping_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) receive();
}

void TlsHandshake::receive() {
  const ssize_t n = recv(fd(), loop_->read_buffer(), H2Loop::kReadSize, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (state_ == TlsSession::State::kFailed) {  // it was told so; only its end is of interest
    if (n <= 0) close(nullptr);
    return;
  }
  if (n <= 0) return close(n == 0 ? "the caller hung up" : std::strerror(errno));
  stepping_ = true;
  loop_->watch(this, 0);
  tls_->run([loop = loop_, tls = tls_.get(), work = work_,
             bytes = std::string(reinterpret_cast<const char*>(loop_->read_buffer()),
                                 static_cast<std::size_t>(n))](bool here) {
    auto state = TlsSession::State::kFailed;
    if (work->given_up) return;
    if (here && !work->session) work->session = tls->make_session(work->peer.get());
    if (here && work->session) state = work->session->handshake(bytes);
    loop->post([work, state] {
      if (work->handshake) work->handshake->stepped(state);
    });
  });
}

void TlsHandshake::stepped(TlsSession::State state) {
  stepping_ = false;
  state_ = state;
  if (!work_->session) return close("the server is overloaded");
  if (state == TlsSession::State::kFailed) {
    const char* reason = work_->session->failure();
    say(reason ? reason : "the server is overloaded");
    loop_->set_deadline(this, loop_->now_ns() + kLingerNs);
  }
  send_output();
}

void TlsHandshake::send_output() {
  std::string& output = work_->session->output();
  std::size_t at = 0;
  while (at < output.size()) {
    const ssize_t n =
        send(fd(), output.data() + at, output.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      at += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      output.erase(0, at);
      return loop_->watch(this, EPOLLOUT);
    } else if (errno != EINTR) {
      return close(std::strerror(errno));
    }
  }
  std::string().swap(output);
  all_sent();
}

void TlsHandshake::all_sent() {
  if (state_ != TlsSession::State::kDone) {
    if (state_ == TlsSession::State::kFailed) shutdown(fd(), SHUT_WR);
    return loop_->watch(this, EPOLLIN);
  }
  if (!service_->identified(connection_)) return close("too many connections of this caller");
  closed_ = true;
  loop_->set_deadline(this, INT64_MAX);
  tls_->handshake_ended(place_);
  loop_->remove(this);
  work_->handshake = nullptr;
  loop_->add(std::make_unique<H2Connection>(loop_, service_, std::exchange(connection_, nullptr),
                                            std::move(work_->session)));
}

void TlsHandshake::say(const char* reason) const {
  if (!reason) return;
  service_->owner().host.debug("TLS handshake failed",
                               {{"reason", reason}, {"caller_addr", connection_->peer->address}});
}

void TlsHandshake::close(const char* reason) {
  if (std::exchange(closed_, true)) return;
  say(reason);
  loop_->set_deadline(this, INT64_MAX);
  tls_->handshake_ended(place_);
  loop_->remove(this);
  work_->handshake = nullptr;
  work_->given_up = true;
  work_.reset();
  connection_->shut_down();
  service_->connection_ended(connection_);
  connection_.reset();
}

}  // namespace signet::rpc_grpc
