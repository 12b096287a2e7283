// The C entry of keymanager-memory.
#include "memory_key_manager.h"

SIGNET_PLUGIN_NOTE("name=keymanager-memory\0abi=1.0\0services=signet.key_manager/1\0needs=");

namespace {
constexpr signet_service_ref kServices[] = {{SIGNET_KEY_MANAGER, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};
}  // namespace

SIGNET_PLUGIN_DEFINE(signet::keymanager::MemoryKeyManager, "keymanager-memory", kServices, kNeeds,
                     signet::keymanager::MemoryKeyManager::kSchema,
                     SIGNET_PLUGIN_MULTI_INSTANCE | SIGNET_PLUGIN_HOLDS_SECRETS);
