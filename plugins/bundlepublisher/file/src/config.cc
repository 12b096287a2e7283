#include "config.h"

#include <nlohmann/json.hpp>

#include "signet/duration.h"

namespace signet::file_publisher {
namespace {

Result<std::string> text_of(const nlohmann::json& settings, const char* name) {
  const auto found = settings.find(name);
  if (found == settings.end() || found->is_null()) return std::string();
  if (!found->is_string()) return Status::invalid_argument(std::string(name) + " is not a string");
  return found->get<std::string>();
}

}  // namespace

Result<Config> Config::parse(std::string_view json) {
  const auto settings = nlohmann::json::parse(json, nullptr, false);
  if (!settings.is_object()) return Status::invalid_argument("the settings are not an object");
  Config config;
  SIGNET_TRY(config.path, text_of(settings, "path"));
  if (config.path.empty()) return Status::invalid_argument("path is required");
  SIGNET_TRY(const std::string format, text_of(settings, "format"));
  if (format == "jwks") {
    config.format = Format::kJwks;
  } else if (format == "pem") {
    config.format = Format::kPem;
  } else if (format != "spiffe") {
    return Status::invalid_argument("format is not one of spiffe, jwks, pem");
  }
  SIGNET_TRY(const std::string hint, text_of(settings, "refresh_hint"));
  if (!hint.empty()) {
    auto parsed = parse_go_duration(hint);
    if (!parsed) return parsed.status().prefixed("refresh_hint");
    config.refresh_hint = std::chrono::duration_cast<std::chrono::seconds>(*parsed).count();
    if (*config.refresh_hint < 0) return Status::invalid_argument("refresh_hint is negative");
  }
  return config;
}

}  // namespace signet::file_publisher
