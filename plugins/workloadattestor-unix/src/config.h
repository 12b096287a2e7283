// The settings of workloadattestor-unix.
#pragma once

#include <cstdint>
#include <string_view>

#include "signet/status.h"

namespace signet::unix_attestor {

// SPIRE passes over unknown keys of this plugin, so one gives a warning and not an error.
inline constexpr const char* kSchema = R"json({
  "type": "object",
  "properties": {
    "discover_workload_path": {"type": "boolean", "default": false,
      "description": "emit the path of the workload's program, and its SHA-256"},
    "workload_size_limit": {"type": "integer", "default": 0,
      "description": "largest program to hash in bytes; 0: any; below 0: no SHA-256"}
  },
  "additionalProperties": false,
  "x-signet-unknown": "warn"
})json";

struct Config {
  bool discover_workload_path = false;
  std::int64_t workload_size_limit = 0;  // bytes

  /// Reads the plugin's canonical JSON. Errors   kInvalidArgument: a wrong type
  static Result<Config> parse(std::string_view json);
};

}  // namespace signet::unix_attestor
