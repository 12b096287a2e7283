#include "tls_client.h"

namespace signet::rpc_grpc {
Result<std::unique_ptr<TlsClient>> TlsClient::create(const Owner&, const signet_rpc_acceptor&, void*) {
  return Status::unimplemented("TLS");
}
}  // namespace signet::rpc_grpc
