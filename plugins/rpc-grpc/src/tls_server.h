// TlsServer: the TLS side of a listener: which certificate we show, and who may come in.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>

#include "connection.h"
#include "options.h"
#include "runtime.h"

namespace signet::rpc_grpc {

class TlsServer {
 public:
  static Result<std::unique_ptr<TlsServer>> create(const Owner& owner, const ServerOptions& options,
                                                   const signet_rpc_acceptor& acceptor, void* self);
  virtual ~TlsServer() = default;

  /// Asks the acceptor for the identity, waiting for it. From a worker.
  virtual Status load_identity() = 0;
  virtual void identity_changed() = 0;
  virtual void add_to(grpc::ServerBuilder& builder) = 0;
  virtual void hand_over(const ConnectionPtr& connection, int listener_fd, int fd) = 0;
  /// At a call: gives the connection the verdict of its handshake, once.
  virtual Status bind(Connection& connection, grpc::GenericCallbackServerContext& context) = 0;
  /// After gRPC's shutdown: no callback of the acceptor's runs afterwards.
  virtual void stop() = 0;

  /// "ipv4:1.2.3.4:5" as gRPC names a peer, as "1.2.3.4:5".
  static std::string address_of(const std::string& grpc_peer);
};

}  // namespace signet::rpc_grpc
