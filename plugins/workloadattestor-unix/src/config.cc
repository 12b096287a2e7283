#include "config.h"

#include <nlohmann/json.hpp>

#include "settings/settings.h"

namespace signet::unix_attestor {

Result<Config> Config::parse(std::string_view json) {
  SIGNET_TRY(const auto block, settings::parse(json));
  Config config;
  if (const auto found = block.find("discover_workload_path"); found != block.end()) {
    if (!found->is_boolean()) {
      return Status::invalid_argument("discover_workload_path is not a boolean");
    }
    config.discover_workload_path = found->get<bool>();
  }
  if (const auto found = block.find("workload_size_limit"); found != block.end()) {
    if (!found->is_number_integer()) {
      return Status::invalid_argument("workload_size_limit is not an integer");
    }
    config.workload_size_limit = found->get<std::int64_t>();
  }
  return config;
}

}  // namespace signet::unix_attestor
