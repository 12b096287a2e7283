// MemoryKeyManager: keys that live as long as the process.
#pragma once

#include "signet/key_manager.h"
#include "signet/plugin.h"

#include "keymanager/key_table.h"

namespace signet::keymanager {

class MemoryKeyManager final : public Plugin, public KeyManager {
 public:
  static constexpr const char* kSchema =
      R"({"type": "object", "properties": {}, "additionalProperties": false})";

  using Plugin::Plugin;
  static const void* service(std::string_view id);

  Status configure(Call& call, std::string_view config) override;
  Result<KeyInfo> generate(std::string_view key_id, std::uint32_t key_type) override;
  Result<std::vector<KeyInfo>> list() override;
  Result<std::string> sign(const signet_sign_req& request) override;

 private:
  KeyTable table_;
};

}  // namespace signet::keymanager
