// The C entry of workloadattestor-docker.
#include "config.h"
#include "docker_attestor.h"

SIGNET_PLUGIN_NOTE(
    "name=workloadattestor-docker\0abi=1.0\0services=signet.workload_attestor/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_WORKLOAD_ATTESTOR, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::docker::DockerAttestor, "workloadattestor-docker", kServices, kNeeds,
                     signet::docker::kSchema, SIGNET_PLUGIN_MULTI_INSTANCE);
