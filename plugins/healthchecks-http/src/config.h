// Settings of the health listener: the block `health_checks` of the role's file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::health_http {

struct Config {
  bool enabled = false;
  std::string address = "127.0.0.1";
  std::uint16_t port = 80;
  std::string live_path = "/live";
  std::string ready_path = "/ready";

  /// Errors   kInvalidArgument, naming the key
  static Result<Config> from_json(std::string_view json);
};

extern const char* const kSchema;

}  // namespace signet::health_http
