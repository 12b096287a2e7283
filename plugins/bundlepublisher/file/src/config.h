// The settings of bundlepublisher-file; `format` and `refresh_hint` as the peer's publishers name
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::file_publisher {

inline constexpr const char* kSchema =
    R"json({"type": "object", "additionalProperties": false, "required": ["path", "format"], "properties": {
  "path": {"type": "string", "format": "path", "description": "the file, which is replaced as a whole"},
  "format": {"type": "string", "enum": ["spiffe", "jwks", "pem"],
    "description": "spiffe: the bundle document; jwks: the same without sequence and hint; pem: X.509 authorities alone"},
  "refresh_hint": {"type": "string", "format": "duration",
    "description": "of the document; default: the bundle's own"}}})json";

enum class Format { kSpiffe, kJwks, kPem };

struct Config {
  std::string path;
  Format format = Format::kSpiffe;
  std::optional<std::int64_t> refresh_hint;  // seconds

  /// Reads the plugin's canonical JSON. Errors   kInvalidArgument
  static Result<Config> parse(std::string_view json);
};

}  // namespace signet::file_publisher
