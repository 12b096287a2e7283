// The C entry of bundlepublisher-file.
#include "config.h"
#include "file_publisher.h"

SIGNET_PLUGIN_NOTE(
    "name=bundlepublisher-file\0abi=1.0\0services=signet.bundle_publisher/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_BUNDLE_PUBLISHER, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::file_publisher::FilePublisher, "bundlepublisher-file", kServices,
                     kNeeds, signet::file_publisher::kSchema, SIGNET_PLUGIN_MULTI_INSTANCE);
