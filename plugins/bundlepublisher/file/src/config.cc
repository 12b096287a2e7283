#include "config.h"

#include <nlohmann/json.hpp>

#include "signet/duration.h"

#include "settings/settings.h"

namespace signet::file_publisher {
Result<Config> Config::parse(std::string_view json) {
  SIGNET_TRY(const auto block, settings::parse(json));
  Config config;
  SIGNET_TRY(config.path, settings::required_text(block, "path"));
  SIGNET_TRY(const std::string format, settings::text_of(block, "format"));
  if (format == "jwks") {
    config.format = Format::kJwks;
  } else if (format == "pem") {
    config.format = Format::kPem;
  } else if (format != "spiffe") {
    return Status::invalid_argument("format is not one of spiffe, jwks, pem");
  }
  SIGNET_TRY(const std::string hint, settings::text_of(block, "refresh_hint"));
  if (!hint.empty()) {
    auto parsed = parse_go_duration(hint);
    if (!parsed) return parsed.status().prefixed("refresh_hint");
    config.refresh_hint = std::chrono::duration_cast<std::chrono::seconds>(*parsed).count();
    if (*config.refresh_hint < 0) return Status::invalid_argument("refresh_hint is negative");
  }
  return config;
}

}  // namespace signet::file_publisher
