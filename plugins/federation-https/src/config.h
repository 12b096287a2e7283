// The settings of federation-https.
#pragma once

#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::https_federation {

inline constexpr const char* kSchema =
    R"json({"type": "object", "additionalProperties": false, "properties": {
  "ca_file": {"type": "string", "format": "path",
    "description": "authorities that https_web endpoints are verified with, PEM; default: the system's"}}})json";

struct Config {
  std::string ca_file;  // empty: the system's

  /// Reads the plugin's canonical JSON. Errors   kInvalidArgument
  static Result<Config> parse(std::string_view json);
};

}  // namespace signet::https_federation
