// The C entry of role-dev.
#include "signet/abi/host.h"
#include "signet/abi/role.h"
#include "signet/abi/rpc.h"

#include "config.h"
#include "role_dev.h"

SIGNET_PLUGIN_NOTE(
    "name=role-dev\0abi=1.0\0services=signet.role/1,signet.command/1\0"
    "needs=signet.host.rpc/1,signet.host.supervisor/1\0"
    "commands=dev");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_ROLE, 0, 0}, {SIGNET_COMMAND, 0, 0}};
constexpr const char* kNeeds[] = {SIGNET_HOST_RPC, SIGNET_HOST_SUPERVISOR, nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::dev::RoleDev, "role-dev", kServices, kNeeds,
                     signet::dev::kConfigSchema, 0);
