// The C entry of healthchecks-http.
#include "signet/abi/health_listener.h"

#include "health_listener.h"

SIGNET_PLUGIN_NOTE("name=healthchecks-http\0abi=1.0\0services=signet.health_listener/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_HEALTH_LISTENER, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::health_http::HealthListener, "healthchecks-http", kServices, kNeeds,
                     signet::health_http::kSchema, 0);
