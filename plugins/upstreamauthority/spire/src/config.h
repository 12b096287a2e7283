// The settings of upstreamauthority-spire, the names as in SPIRE.
#pragma once

#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::spire_upstream {

inline constexpr const char* kSchema =
    R"json({"type": "object", "additionalProperties": false, "properties": {
  "server_address": {"type": "string", "description": "host name or IP address of the upstream server"},
  "server_port": {"type": "integer", "minimum": 1, "maximum": 65535,
    "description": "its API port"},
  "workload_api_socket": {"type": "string", "format": "path",
    "description": "socket of the Workload API that gives this server its identity at the upstream; not set: SPIFFE_ENDPOINT_SOCKET"},
  "experimental": {"type": "object", "additionalProperties": false, "properties": {
    "workload_api_named_pipe_name": {"type": "string",
      "description": "for Windows; refused here"},
    "require_pq_kem": {"type": "boolean", "default": false,
      "description": "post-quantum key exchange; this release's TLS has none, so true is refused"}}}},
  "required": ["server_address", "server_port"]})json";

struct Config {
  std::string server_uri;    // "dns:host:port", for the rpc service
  std::string workload_uri;  // "unix:/path"

  /// Reads the plugin's canonical JSON; `endpoint` is SPIFFE_ENDPOINT_SOCKET or "".
  /// Errors   kInvalidArgument
  static Result<Config> parse(std::string_view json, std::string_view endpoint);
  bool operator==(const Config&) const = default;
};

}  // namespace signet::spire_upstream
