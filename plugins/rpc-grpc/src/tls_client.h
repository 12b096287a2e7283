// TlsClient: the TLS side of a client channel: our certificate, if any, and the verdict on the
// server's.
#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "connection.h"
#include "runtime.h"

namespace signet::rpc_grpc {

class TlsClient {
 public:
  static Result<std::unique_ptr<TlsClient>> create(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self);
  virtual ~TlsClient() = default;

  virtual std::shared_ptr<grpc::ChannelCredentials> credentials() = 0;
  /// Words of the last refused server since the last trusted one.
  virtual std::string verify_failure() const = 0;
  virtual std::shared_ptr<const Peer> peer() const = 0;
  /// After the channel is gone: waits for the acceptor's last callback.
  virtual void stop() = 0;
};

}  // namespace signet::rpc_grpc
