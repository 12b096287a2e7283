// TlsClient: the TLS side of a client channel: our certificate, if any, and the verdict on the
// server's. The certificate is asked for once; a channel that must show another is connected anew.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <grpcpp/security/credentials.h>

#include "connection.h"
#include "runtime.h"
#include "tls_engine.h"

namespace signet::rpc_grpc {

class TlsClient {
 public:
  TlsClient(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self);
  ~TlsClient();

  /// Asks for our certificate (NOT_FOUND: goes without), then gives the credentials. On a worker.
  Result<std::shared_ptr<grpc::ChannelCredentials>> credentials();
  /// Words of the last refused server since the last trusted one.
  std::string verify_failure() const;
  /// The server of the connection in use; null before the first.
  PeerPtr peer() const;
  /// After the channel is gone: waits for the acceptor's last callback, closed() included.
  void stop();

 private:
  class Shared;
  const std::unique_ptr<const Owner> owner_;
  const signet_rpc_acceptor& acceptor_;
  void* const self_;
  std::unique_ptr<EngineKey> key_;  // as long as gRPC may name it
  const std::shared_ptr<Shared> shared_;
};

}  // namespace signet::rpc_grpc
