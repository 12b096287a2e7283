// SpireSettings: what is needed of a SPIRE server's configuration file to take over from it.
#pragma once

#include <string>
#include <string_view>

#include "signet/spiffe_id.h"
#include "signet/status.h"

namespace signet::server {

struct SpireSettings {
  TrustDomain trust_domain;
  std::string datastore;    // plugin_data of DataStore "sql", JSON; may hold passwords
  std::string key_manager;  // "disk", "memory", ...
  std::string keys_path;    // of "disk"

  /// json     as Host::read_config_file gives it
  /// Errors   kInvalidArgument: what is missing
  static Result<SpireSettings> from_json(std::string_view json);
};

}  // namespace signet::server
