#include "config.h"

#include <nlohmann/json.hpp>

#include "settings/settings.h"

namespace signet::https_federation {

Result<Config> Config::parse(std::string_view json) {
  SIGNET_TRY(const auto block, settings::parse(json));
  Config config;
  SIGNET_TRY(config.ca_file, settings::text_of(block, "ca_file"));
  return config;
}

}  // namespace signet::https_federation
