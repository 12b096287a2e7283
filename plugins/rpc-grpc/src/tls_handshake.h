// TlsHandshake: an accepted connection until TLS is agreed on; then an H2Connection takes over.
//
// The loop moves the bytes, a worker does the work on them (TlsServer::run), for that is heavy and
// asks the acceptor. Meanwhile the loop does not read from the socket. A handshake that waits for
// the peer costs no thread, and before the peer's first byte next to no memory.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "connection.h"
#include "h2_connection.h"
#include "h2_loop.h"
#include "tls_server.h"

namespace signet::rpc_grpc {

class TlsHandshake final : public Watched {
 public:
  TlsHandshake(H2Loop* loop, std::shared_ptr<H2Service> service, std::shared_ptr<TlsServer> tls,
               ConnectionPtr connection);
  ~TlsHandshake() override;

  int fd() const override { return connection_->socket; }
  void start() override;
  void ready(uint32_t events) override;
  void go_away() override { close(nullptr); }
  void close(const char* reason) override;
  H2Service& service() override { return *service_; }

 private:
  // What a step needs, also when the handshake is given up meanwhile.
  struct Work {
    Work(TlsHandshake* its_handshake, PeerPtr its_peer)
        : handshake(its_handshake), peer(std::move(its_peer)) {}
    TlsHandshake* handshake;  // for the loop; null once it is over
    PeerPtr peer;
    std::unique_ptr<TlsSession> session;  // the worker's while a step runs, else the loop's
    std::atomic<bool> given_up{false};    // a step that has not begun is not worth its work
  };

  void expired() override;
  void receive();
  void stepped(TlsSession::State state);
  void send_output();
  void all_sent();
  void say(const char* reason) const;

  H2Loop* const loop_;
  const std::shared_ptr<H2Service> service_;
  const std::shared_ptr<TlsServer> tls_;
  ConnectionPtr connection_;
  std::shared_ptr<Work> work_;
  uint64_t place_ = 0;  // among the handshakes of the listener
  TlsSession::State state_ = TlsSession::State::kMore;
  bool stepping_ = false;
  bool closed_ = false;
};

/// Time for a whole handshake. A variable, so that tests need not wait.
extern int64_t tls_handshake_timeout_ns;

}  // namespace signet::rpc_grpc
