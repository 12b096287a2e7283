// The C entry of nodeattestor-x509pop.
#include "config.h"
#include "x509pop_plugin.h"

SIGNET_PLUGIN_NOTE(
    "name=nodeattestor-x509pop\0abi=1.0\0"
    "services=signet.node_attestor.server/1,signet.node_attestor.agent/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_NODE_ATTESTOR_SERVER, 0, 0},
                                            {SIGNET_NODE_ATTESTOR_AGENT, 0, 0}};
// Datastore (mode "spiffe") and rpc (spiffe_endpoint_socket) are looked up when they are used.
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::x509pop::X509PopPlugin, "nodeattestor-x509pop", kServices, kNeeds,
                     signet::x509pop::kSchema,
                     SIGNET_PLUGIN_MULTI_INSTANCE | SIGNET_PLUGIN_HOLDS_SECRETS);
