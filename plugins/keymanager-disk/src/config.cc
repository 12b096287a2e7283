#include "config.h"

#include <string>

#include <nlohmann/json.hpp>

#include "settings/settings.h"

namespace signet::keymanager {
Result<DiskConfig> DiskConfig::parse(std::string_view json) {
  SIGNET_TRY(const auto block, settings::parse(json));
  SIGNET_TRY(const std::string keys_path, settings::text_of(block, "keys_path"));
  SIGNET_TRY(const std::string directory, settings::text_of(block, "directory"));
  if (keys_path.empty() == directory.empty()) {
    return Status::invalid_argument(
        "exactly one of keys_path (server) and directory (agent) is required");
  }
  if (!keys_path.empty()) return DiskConfig{keys_path};
  return DiskConfig{std::filesystem::path(directory) / "keys.json"};
}

}  // namespace signet::keymanager
