#include "tls_server.h"

namespace signet::rpc_grpc {

Result<std::unique_ptr<TlsServer>> TlsServer::create(const Owner&, const ServerOptions&, const signet_rpc_acceptor&,
                                                     void*) {
  return Status::unimplemented("TLS");
}
std::string TlsServer::address_of(const std::string& grpc_peer) { return grpc_peer; }

}  // namespace signet::rpc_grpc
