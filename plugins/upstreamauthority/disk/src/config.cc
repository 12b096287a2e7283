#include "config.h"

#include <nlohmann/json.hpp>

#include "settings/settings.h"

namespace signet::disk_upstream {
Result<Config> Config::parse(std::string_view json) {
  SIGNET_TRY(const auto block, settings::parse(json));
  Config config;
  SIGNET_TRY(config.cert_file, settings::required_text(block, "cert_file_path"));
  SIGNET_TRY(config.key_file, settings::required_text(block, "key_file_path"));
  SIGNET_TRY(config.bundle_file, settings::text_of(block, "bundle_file_path"));
  return config;
}

}  // namespace signet::disk_upstream
