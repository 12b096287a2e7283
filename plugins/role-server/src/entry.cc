// The C entry of role-server.
#include "signet/abi/datastore.h"
#include "signet/abi/key_manager.h"
#include "signet/abi/role.h"
#include "signet/abi/rpc.h"

#include "config_schema.h"
#include "role_server.h"

SIGNET_PLUGIN_NOTE(
    "name=role-server\0abi=1.0\0services=signet.role/1,signet.command/1\0"
    "needs=signet.host.rpc/1,signet.datastore/1,signet.key_manager/1\0"
    "commands=server,spire-server");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_ROLE, 0, 0}, {SIGNET_COMMAND, 0, 0}};
constexpr const char* kNeeds[] = {SIGNET_HOST_RPC, SIGNET_DATASTORE, SIGNET_KEY_MANAGER, nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::server::RoleServer, "role-server", kServices, kNeeds,
                     signet::server::kConfigSchema, SIGNET_PLUGIN_HOLDS_SECRETS);
