#include "config.h"

#include <string>

#include <nlohmann/json.hpp>

namespace signet::keymanager {
namespace {

// The text of a setting; "" when it is not written. HCL treats both alike.
Result<std::string> text_of(const nlohmann::json& settings, const char* name) {
  const auto found = settings.find(name);
  if (found == settings.end() || found->is_null()) return std::string();
  if (!found->is_string()) return Status::invalid_argument(std::string(name) + " is not a string");
  return found->get<std::string>();
}

}  // namespace

Result<DiskConfig> DiskConfig::parse(std::string_view json) {
  const auto settings = nlohmann::json::parse(json, nullptr, false);
  if (!settings.is_object()) return Status::invalid_argument("the settings are not an object");
  SIGNET_TRY(const std::string keys_path, text_of(settings, "keys_path"));
  SIGNET_TRY(const std::string directory, text_of(settings, "directory"));
  if (keys_path.empty() == directory.empty()) {
    return Status::invalid_argument(
        "exactly one of keys_path (server) and directory (agent) is required");
  }
  if (!keys_path.empty()) return DiskConfig{keys_path};
  return DiskConfig{std::filesystem::path(directory) / "keys.json"};
}

}  // namespace signet::keymanager
