// The settings of nodeattestor-x509pop, both sides, the names as in SPIRE.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

#include "path_template.h"

namespace signet::x509pop {

inline constexpr const char* kSchema =
    R"json({"type": "object", "additionalProperties": false, "properties": {
  "mode": {"type": "string", "enum": ["external_pki", "spiffe"], "default": "external_pki",
    "description": "whose certificates agents show (server)"},
  "ca_bundle_path": {"type": "string", "format": "path",
    "description": "file of the CAs that agents' certificates lead to (server, external_pki)"},
  "ca_bundle_paths": {"type": "array", "items": {"type": "string", "format": "path"},
    "description": "several of them (server, external_pki)"},
  "agent_path_template": {"type": "string",
    "description": "the agent ID's path behind /spire/agent (server)"},
  "spiffe_prefix": {"type": "string", "default": "/spire-exchange/",
    "description": "what the path of an agent's SVID begins with (server, spiffe)"},
  "max_intermediates": {"type": "integer", "minimum": 0, "default": 4,
    "description": "certificates behind the leaf, at most; above 9 counts as 9 (server)"},
  "max_rsa_key_size": {"type": "integer", "minimum": 0, "default": 8192,
    "description": "bits, at most (server)"},
  "verify_client_ip": {"type": "boolean", "default": false,
    "description": "the agent's address must be one of the leaf's IP SANs (server)"},
  "private_key_path": {"type": "string", "format": "path", "description": "PEM (agent)"},
  "certificate_path": {"type": "string", "format": "path",
    "description": "leaf, and any intermediates behind it, PEM (agent)"},
  "intermediates_path": {"type": "string", "format": "path",
    "description": "further intermediates, PEM (agent)"},
  "spiffe_endpoint_socket": {"type": "string",
    "description": "Workload API that gives certificate and key instead of files (agent)"}
}})json";

enum class Mode { kExternalPki, kSpiffe };

struct ServerConfig {
  Mode mode = Mode::kExternalPki;
  std::vector<std::string> ca_bundle_paths;
  PathTemplate agent_path;
  std::string spiffe_prefix;  // begins and ends with '/'
  std::size_t max_intermediates = 4;
  int max_rsa_key_size = 8192;
  bool verify_client_ip = false;
};

struct AgentConfig {
  std::string private_key_path, certificate_path, intermediates_path;
  std::string endpoint;  // for the rpc service, "unix:/path"; "" when the files are set
};

// Which side it is, the settings say: an agent's name a certificate or a Workload API.
struct Config {
  std::optional<ServerConfig> server;
  std::optional<AgentConfig> agent;

  /// Reads the plugin's canonical JSON. Errors   kInvalidArgument
  static Result<Config> parse(std::string_view json);
};

}  // namespace signet::x509pop
