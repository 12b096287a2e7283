// The plugin's C entry and descriptor.
#include "signet/abi/rpc.h"

#include "plugin.h"

SIGNET_PLUGIN_NOTE("name=rpc-grpc\0abi=1.0\0services=signet.host.rpc/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_HOST_RPC, SIGNET_SERVICE_SYSTEM, 1}};
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::rpc_grpc::RpcGrpcPlugin, "rpc-grpc", kServices, kNeeds, nullptr,
                     SIGNET_PLUGIN_HOLDS_SECRETS);
