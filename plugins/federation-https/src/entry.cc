// The C entry of federation-https.
#include "config.h"
#include "https_federation.h"

SIGNET_PLUGIN_NOTE(
    "name=federation-https\0abi=1.0\0services=signet.bundle_source/1,signet.bundle_endpoint/1\0"
    "needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_BUNDLE_SOURCE, 0, 0},
                                            {SIGNET_BUNDLE_ENDPOINT, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::https_federation::HttpsFederation, "federation-https", kServices,
                     kNeeds, signet::https_federation::kSchema, SIGNET_PLUGIN_HOLDS_SECRETS);
