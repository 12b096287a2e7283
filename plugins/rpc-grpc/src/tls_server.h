// TlsServer: the TLS side of a listener: which certificate we show, who may come in, and how many
// handshakes may be under way.
//
// TLS 1.2 and 1.3, ECDHE with AEAD, ALPN h2; no tickets, resumption, renegotiation or compression.
// A new certificate is a new SSL_CTX: handshakes that have begun end with the old one.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include <openssl/ssl.h>

#include "connection.h"
#include "now_and_then.h"
#include "options.h"
#include "runtime.h"
#include "tls_session.h"

namespace signet::rpc_grpc {

class TlsServer : public std::enable_shared_from_this<TlsServer> {
 public:
  TlsServer(const Owner& owner, const ServerOptions& options, const signet_rpc_acceptor& acceptor,
            void* self);

  /// Asks the acceptor for the identity, waiting for it. From a worker.
  Status load_identity();
  /// Asks again, on a worker. On an error the old identity stays and the log says so.
  void identity_changed();
  /// With the certificate of the moment; it has the acceptor judge `peer`, who must live as long.
  /// Null when memory is out.
  std::unique_ptr<TlsSession> make_session(Peer* peer);

  /// Counts a handshake. One too many, and the oldest is given up: its `give_up` is called, from
  /// here. The number is for handshake_ended().
  uint64_t handshake_began(std::function<void()> give_up);
  void handshake_ended(uint64_t number);

  // A piece of a handshake's work; false: there is no worker for it, and it must give up.
  using Step = std::function<void(bool)>;
  /// Runs it on a worker; a few at once, in the order of the calls. From any thread.
  void run(Step step);
  /// After the last run(): waits for the steps and for the acceptor.
  void stop();

 private:
  struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  using ContextPtr = std::unique_ptr<SSL_CTX, ContextFree>;

  Result<ContextPtr> make_context();
  bool judge(Peer* peer, std::vector<std::string> chain);
  void post(Step step);
  /// For a place that is free: what waits, or null.
  Step next_step();
  void reload();

  const Owner owner_;
  const bool ask_client_certificate_;
  const std::size_t max_handshakes_;
  const signet_rpc_acceptor& acceptor_;
  void* const self_;

  std::mutex mutex_;
  std::condition_variable quiet_;
  ContextPtr context_;
  uint64_t last_handshake_ = 0;
  NowAndThen refusal_{1'000'000'000};
  std::map<uint64_t, std::function<void()>> handshakes_;
  std::deque<Step> waiting_;
  int running_ = 0;
  bool stopping_ = false;
  bool asking_ = false;
  bool ask_again_ = false;
};

}  // namespace signet::rpc_grpc
