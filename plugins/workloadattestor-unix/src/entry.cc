// The C entry of workloadattestor-unix.
#include "config.h"
#include "unix_attestor.h"

SIGNET_PLUGIN_NOTE(
    "name=workloadattestor-unix\0abi=1.0\0services=signet.workload_attestor/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_WORKLOAD_ATTESTOR, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::unix_attestor::UnixAttestor, "workloadattestor-unix", kServices,
                     kNeeds, signet::unix_attestor::kSchema, SIGNET_PLUGIN_MULTI_INSTANCE);
