#include "disk_key_manager.h"

#include <utility>

#include <sys/stat.h>

#include "config.h"
#include "keymanager/keys_file.h"
#include "keymanager/private_file.h"

namespace signet::keymanager {

const void* DiskKeyManager::service(std::string_view id) {
  if (id == SIGNET_KEY_MANAGER) return key_manager_table<DiskKeyManager>();
  if (id == SIGNET_KEY_IMPORT) return key_import_table<DiskKeyManager>();
  return nullptr;
}

Status DiskKeyManager::validate(Call&, std::string_view config) {
  return DiskConfig::parse(config).status();
}

Status DiskKeyManager::configure(Call&, std::string_view config) {
  SIGNET_TRY(const DiskConfig settings, DiskConfig::parse(config));
  const std::lock_guard lock(mutex_);
  if (owner_) {
    if (settings.keys_file == keys_file_) return {};
    return Status::failed_precondition("the keys file cannot change while keys are in use");
  }
  SIGNET_RETURN_IF_ERROR(host().will_write_file(settings.keys_file.string()));
  const auto folder = settings.keys_file.parent_path();
  SIGNET_RETURN_IF_ERROR(ensure_private_folder(folder.empty() ? "." : folder));
  SIGNET_TRY(Keys keys, load_keys_file(settings.keys_file));
  struct stat info {};
  if (::stat(settings.keys_file.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    host().warn("Keys file can be read by other users", {{"path", settings.keys_file.string()}});
  }
  keys_file_ = settings.keys_file;
  owner_ = std::make_unique<KeyTable>(
      std::move(keys), [path = keys_file_](const Keys& all) { return save_keys_file(path, all); });
  table_.store(owner_.get(), std::memory_order_release);
  return {};
}

Result<KeyTable*> DiskKeyManager::table() {
  KeyTable* table = table_.load(std::memory_order_acquire);
  if (table == nullptr) return Status::failed_precondition("not configured");
  return table;
}

Result<KeyInfo> DiskKeyManager::generate(std::string_view key_id, std::uint32_t key_type) {
  SIGNET_TRY(KeyTable * keys, table());
  return keys->generate(key_id, key_type);
}

Result<std::vector<KeyInfo>> DiskKeyManager::list() {
  SIGNET_TRY(const KeyTable* keys, table());
  return keys->list();
}

Result<std::string> DiskKeyManager::sign(const signet_sign_req& request) {
  SIGNET_TRY(const KeyTable* keys, table());
  return keys->sign(request);
}

Result<KeyImporter::Import> DiskKeyManager::import_keys(std::string_view path, bool take) {
  SIGNET_TRY(KeyTable * keys, table());
  const std::filesystem::path file(path);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return Status::not_found("keys file \"" + file.string() + "\" does not exist");
  }
  if (std::filesystem::equivalent(file, keys_file_, error)) {
    return Status::failed_precondition(
        "\"" + file.string() +
        "\" is this key manager's own file; give it another keys_path, so that the keys' former "
        "owner can go back to them");
  }
  SIGNET_TRY(const Keys theirs, load_keys_file(file));
  Import import;
  for (const auto& [key_id, key] : theirs) import.keys.push_back(KeyTable::info_of(key_id, key));
  import.taken = keys->adopt(theirs, take);
  return import;
}

}  // namespace signet::keymanager
