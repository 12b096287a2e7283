#include "config.h"

#include <string>

#include <nlohmann/json.hpp>

namespace signet::disk_upstream {
namespace {

// The text of a setting; "" when it is not written. HCL treats both alike.
Result<std::string> text_of(const nlohmann::json& settings, const char* name) {
  const auto found = settings.find(name);
  if (found == settings.end() || found->is_null()) return std::string();
  if (!found->is_string()) return Status::invalid_argument(std::string(name) + " is not a string");
  return found->get<std::string>();
}

Result<std::string> required_text(const nlohmann::json& settings, const char* name) {
  SIGNET_TRY(std::string text, text_of(settings, name));
  if (text.empty()) return Status::invalid_argument(std::string(name) + " is required");
  return text;
}

}  // namespace

Result<Config> Config::parse(std::string_view json) {
  const auto settings = nlohmann::json::parse(json, nullptr, false);
  if (!settings.is_object()) return Status::invalid_argument("the settings are not an object");
  Config config;
  SIGNET_TRY(config.cert_file, required_text(settings, "cert_file_path"));
  SIGNET_TRY(config.key_file, required_text(settings, "key_file_path"));
  SIGNET_TRY(config.bundle_file, text_of(settings, "bundle_file_path"));
  return config;
}

}  // namespace signet::disk_upstream
