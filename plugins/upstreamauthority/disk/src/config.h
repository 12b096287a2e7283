// The settings of upstreamauthority-disk, the names as in SPIRE.
#pragma once

#include <filesystem>
#include <string_view>

#include "signet/status.h"

namespace signet::disk_upstream {

inline constexpr const char* kSchema =
    R"json({"type": "object", "additionalProperties": false, "properties": {
  "cert_file_path": {"type": "string", "format": "path",
    "description": "the CA certificate that signs, PEM; with a bundle its intermediates may follow"},
  "key_file_path": {"type": "string", "format": "path",
    "description": "its private key, PEM, not encrypted"},
  "bundle_file_path": {"type": "string", "format": "path",
    "description": "roots of the trust domain, PEM; not set: the CA certificate is the root"}},
  "required": ["cert_file_path", "key_file_path"]})json";

struct Config {
  std::filesystem::path cert_file, key_file;
  std::filesystem::path bundle_file;  // empty: none

  /// Reads the plugin's canonical JSON. Errors   kInvalidArgument
  static Result<Config> parse(std::string_view json);
  bool operator==(const Config&) const = default;
};

}  // namespace signet::disk_upstream
