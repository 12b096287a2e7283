// The C entry of role-agent.
#include "signet/abi/key_manager.h"
#include "signet/abi/role.h"
#include "signet/abi/rpc.h"

#include "config_schema.h"
#include "role_agent.h"

SIGNET_PLUGIN_NOTE(
    "name=role-agent\0abi=1.0\0services=signet.role/1,signet.command/1\0"
    "needs=signet.host.rpc/1,signet.key_manager/1\0"
    "commands=agent,spire-agent,explain");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_ROLE, 0, 0}, {SIGNET_COMMAND, 0, 0}};
constexpr const char* kNeeds[] = {SIGNET_HOST_RPC, SIGNET_KEY_MANAGER, nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::agent::RoleAgent, "role-agent", kServices, kNeeds,
                     signet::agent::kConfigSchema, SIGNET_PLUGIN_HOLDS_SECRETS);
