// The C entry of nodeattestor-join-token.
#include "join_token_plugin.h"

SIGNET_PLUGIN_NOTE(
    "name=nodeattestor-join-token\0abi=1.0\0"
    "services=signet.node_attestor.server/1,signet.node_attestor.agent/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_NODE_ATTESTOR_SERVER, 0, 0},
                                            {SIGNET_NODE_ATTESTOR_AGENT, 0, 0}};
// The datastore is needed by the server side alone, so it is looked up when it is used.
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::join_token::JoinTokenPlugin, "nodeattestor-join-token", kServices,
                     kNeeds, signet::join_token::JoinTokenPlugin::kSchema,
                     SIGNET_PLUGIN_MULTI_INSTANCE | SIGNET_PLUGIN_HOLDS_SECRETS);
