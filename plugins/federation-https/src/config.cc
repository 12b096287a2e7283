#include "config.h"

#include <nlohmann/json.hpp>

namespace signet::https_federation {

Result<Config> Config::parse(std::string_view json) {
  const auto settings = nlohmann::json::parse(json, nullptr, false);
  if (!settings.is_object()) return Status::invalid_argument("the settings are not an object");
  Config config;
  if (const auto file = settings.find("ca_file"); file != settings.end() && !file->is_null()) {
    if (!file->is_string()) return Status::invalid_argument("ca_file is not a string");
    config.ca_file = file->get<std::string>();
  }
  return config;
}

}  // namespace signet::https_federation
