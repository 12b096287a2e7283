// The C entry of keymanager-disk.
#include "config.h"
#include "disk_key_manager.h"

SIGNET_PLUGIN_NOTE(
    "name=keymanager-disk\0abi=1.0\0services=signet.key_manager/1,signet.key_import/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_KEY_MANAGER, 0, 0}, {SIGNET_KEY_IMPORT, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::keymanager::DiskKeyManager, "keymanager-disk", kServices, kNeeds,
                     signet::keymanager::kDiskSchema,
                     SIGNET_PLUGIN_MULTI_INSTANCE | SIGNET_PLUGIN_HOLDS_SECRETS);
