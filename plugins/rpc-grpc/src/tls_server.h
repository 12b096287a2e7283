// TlsServer: the TLS side of a listener: which certificate we show, and who may come in.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/server_builder.h>

#include "connection.h"
#include "options.h"
#include "runtime.h"
#include "tls_identity.h"

namespace signet::rpc_grpc {

class TlsServer {
 public:
  TlsServer(const Owner& owner, const ServerOptions& options, const signet_rpc_acceptor& acceptor,
            void* self);
  ~TlsServer();

  /// Asks the acceptor for the identity, waiting for it. From a worker.
  Status load_identity();
  void identity_changed();
  void add_to(grpc::ServerBuilder& builder);
  void hand_over(const ConnectionPtr& connection, int listener_fd, int fd);
  /// The connection is over; its place in the queue for a verdict is free.
  void forget(const ConnectionPtr& connection);
  /// At a call: makes sure that the connection has the verdict of its handshake.
  Status bind(const ConnectionPtr& connection);
  /// After gRPC's shutdown: no callback of the acceptor's runs afterwards.
  void stop();

  /// "ipv4:1.2.3.4:5" as gRPC names a peer, as "1.2.3.4:5".
  static std::string address_of(const std::string& grpc_peer);

 private:
  class Shared;  // with gRPC's verifier, which gRPC may keep for longer

  const std::unique_ptr<const Owner> owner_;
  const ServerOptions options_;
  std::shared_ptr<TlsIdentity> identity_;
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> door_;
};

}  // namespace signet::rpc_grpc
