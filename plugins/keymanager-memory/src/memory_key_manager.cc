#include "memory_key_manager.h"

namespace signet::keymanager {

const void* MemoryKeyManager::service(std::string_view id) {
  return id == SIGNET_KEY_MANAGER ? key_manager_table<MemoryKeyManager>() : nullptr;
}

Status MemoryKeyManager::configure(Call&, std::string_view) { return {}; }  // nothing to set

Result<KeyInfo> MemoryKeyManager::generate(std::string_view key_id, std::uint32_t key_type) {
  return table_.generate(key_id, key_type);
}

Result<std::vector<KeyInfo>> MemoryKeyManager::list() { return table_.list(); }

Result<std::string> MemoryKeyManager::sign(const signet_sign_req& request) {
  return table_.sign(request);
}

}  // namespace signet::keymanager
