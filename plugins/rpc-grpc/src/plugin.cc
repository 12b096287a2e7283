#include "plugin.h"

#include "runtime.h"

namespace signet::rpc_grpc {

const void* RpcGrpcPlugin::service(std::string_view id) {
  return id == SIGNET_HOST_RPC ? rpc_table() : nullptr;
}

Status RpcGrpcPlugin::start(Call&) { return start_runtime(host()); }

Status RpcGrpcPlugin::stop(Call&) {
  stop_runtime();
  return {};
}

}  // namespace signet::rpc_grpc
