#include "config.h"

#include <nlohmann/json.hpp>

namespace signet::unix_attestor {

Result<Config> Config::parse(std::string_view json) {
  const auto settings = nlohmann::json::parse(json, nullptr, false);
  if (!settings.is_object()) return Status::invalid_argument("the settings are not an object");
  Config config;
  if (const auto found = settings.find("discover_workload_path"); found != settings.end()) {
    if (!found->is_boolean()) {
      return Status::invalid_argument("discover_workload_path is not a boolean");
    }
    config.discover_workload_path = found->get<bool>();
  }
  if (const auto found = settings.find("workload_size_limit"); found != settings.end()) {
    if (!found->is_number_integer()) {
      return Status::invalid_argument("workload_size_limit is not an integer");
    }
    config.workload_size_limit = found->get<std::int64_t>();
  }
  return config;
}

}  // namespace signet::unix_attestor
