// DiskKeyManager: keys in a file that survives the process.
//
// The file is read once, by configure(). From then on every new key is on the disk before
// anyone hears of it. Two processes must not share a file: the later write wins.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>

#include "signet/key_manager.h"
#include "signet/plugin.h"

#include "keymanager/key_table.h"

namespace signet::keymanager {

class DiskKeyManager final : public Plugin, public KeyManager, public KeyImporter {
 public:
  using Plugin::Plugin;
  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  /// Errors   kInvalidArgument: settings, or a damaged file. kUnavailable: folder or file cannot
  ///          be used. kFailedPrecondition: another file while running
  Status configure(Call& call, std::string_view config) override;
  Result<KeyInfo> generate(std::string_view key_id, std::uint32_t key_type) override;
  Result<std::vector<KeyInfo>> list() override;
  Result<std::string> sign(const signet_sign_req& request) override;
  Result<Import> import_keys(std::string_view path, bool take) override;

 private:
  Result<KeyTable*> table();

  std::mutex mutex_;                 // guards the two below while they are set
  std::filesystem::path keys_file_;  // set once
  std::unique_ptr<KeyTable> owner_;
  std::atomic<KeyTable*> table_{nullptr};  // null until configured
};

}  // namespace signet::keymanager
