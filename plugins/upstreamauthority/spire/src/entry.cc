// The C entry of upstreamauthority-spire.
#include "signet/abi/rpc.h"

#include "config.h"
#include "spire_upstream.h"

SIGNET_PLUGIN_NOTE(
    "name=upstreamauthority-spire\0abi=1.0\0services=signet.upstream_authority/1\0"
    "needs=signet.host.rpc/1");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_UPSTREAM_AUTHORITY, 0, 0}};
constexpr const char* kNeeds[] = {SIGNET_HOST_RPC, nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::spire_upstream::SpireUpstream, "upstreamauthority-spire", kServices,
                     kNeeds, signet::spire_upstream::kSchema,
                     SIGNET_PLUGIN_MULTI_INSTANCE | SIGNET_PLUGIN_HOLDS_SECRETS);
