// The C entry of upstreamauthority-disk.
#include "config.h"
#include "disk_upstream.h"

SIGNET_PLUGIN_NOTE(
    "name=upstreamauthority-disk\0abi=1.0\0services=signet.upstream_authority/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_UPSTREAM_AUTHORITY, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::disk_upstream::DiskUpstream, "upstreamauthority-disk", kServices,
                     kNeeds, signet::disk_upstream::kSchema,
                     SIGNET_PLUGIN_MULTI_INSTANCE | SIGNET_PLUGIN_HOLDS_SECRETS);
