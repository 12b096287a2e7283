// The settings of keymanager-disk.
#pragma once

#include <filesystem>
#include <string_view>

#include "signet/status.h"

namespace signet::keymanager {

inline constexpr const char* kDiskSchema = R"json({
  "type": "object",
  "properties": {
    "keys_path": {"type": "string", "format": "path",
                  "description": "file that holds the keys (server)"
}
, "directory" : {
  "type" : "string", "format" : "path", "description" : "folder of the file keys.json (agent)"
}
}
, "additionalProperties" : false,
                           "oneOf" : [ {"required" : ["keys_path"]}, {"required" : ["directory"]} ]
})json";

struct DiskConfig {
  std::filesystem::path keys_file;

  /// Reads the plugin's canonical JSON.
  /// Errors   kInvalidArgument: not an object of strings, or not exactly one of the two settings
  static Result<DiskConfig> parse(std::string_view json);
};

}  // namespace signet::keymanager
