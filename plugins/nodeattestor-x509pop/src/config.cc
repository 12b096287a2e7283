#include "config.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "settings/settings.h"
#include "workload_client/rpc_transport.h"

namespace signet::x509pop {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMaxIntermediates = 9;  // with the leaf what libs/x509 verifies

Status refuse(const std::string& text) { return Status::invalid_argument(text); }

// A setting of type T; `absent` when it is not written.
template <typename T>
Result<T> value_of(const Json& settings, const char* name, T absent) {
  const auto found = settings.find(name);
  if (found == settings.end() || found->is_null()) return absent;
  try {
    return found->get<T>();
  } catch (const Json::exception&) {
    return refuse(std::string(name) + " has the wrong type");
  }
}

Result<std::string> text_of(const Json& settings, const char* name) {
  return value_of<std::string>(settings, name, {});
}

Result<AgentConfig> parse_agent(const Json& settings) {
  AgentConfig config;
  SIGNET_TRY(config.private_key_path, text_of(settings, "private_key_path"));
  SIGNET_TRY(config.certificate_path, text_of(settings, "certificate_path"));
  SIGNET_TRY(config.intermediates_path, text_of(settings, "intermediates_path"));
  SIGNET_TRY(const std::string socket, text_of(settings, "spiffe_endpoint_socket"));
  if (!socket.empty()) {
    if (!config.private_key_path.empty() || !config.certificate_path.empty()) {
      return refuse(
          "spiffe_endpoint_socket takes the place of certificate_path and private_key_path");
    }
    auto uri = workload_client::rpc_uri(socket);
    if (!uri) return uri.status().prefixed("spiffe_endpoint_socket");
    config.endpoint = std::move(*uri);
    return config;
  }
  if (config.private_key_path.empty()) return refuse("private_key_path is required");
  if (config.certificate_path.empty()) return refuse("certificate_path is required");
  return config;
}

Result<ServerConfig> parse_server(const Json& settings) {
  SIGNET_TRY(const std::string mode, text_of(settings, "mode"));
  if (!mode.empty() && mode != "external_pki" && mode != "spiffe") {
    return refuse("mode must be \"external_pki\" or \"spiffe\"");
  }
  const bool spiffe = mode == "spiffe";
  SIGNET_TRY(const std::string template_text, text_of(settings, "agent_path_template"));
  const std::string standard = spiffe ? "/{{ .PluginName }}/{{ .SVIDPathTrimmed }}"
                                      : "/{{ .PluginName }}/{{ .Fingerprint }}";
  SIGNET_TRY(PathTemplate agent_path,
             PathTemplate::parse(template_text.empty() ? standard : template_text));
  ServerConfig config{.mode = spiffe ? Mode::kSpiffe : Mode::kExternalPki,
                      .ca_bundle_paths = {},
                      .agent_path = std::move(agent_path),
                      .spiffe_prefix = {}};
  SIGNET_TRY(config.ca_bundle_paths,
             value_of<std::vector<std::string>>(settings, "ca_bundle_paths", {}));
  SIGNET_TRY(const std::string bundle, text_of(settings, "ca_bundle_path"));
  if (!bundle.empty() && !config.ca_bundle_paths.empty()) {
    return refuse("only one of ca_bundle_path and ca_bundle_paths can be set");
  }
  if (!bundle.empty()) config.ca_bundle_paths = {bundle};
  if (spiffe && !config.ca_bundle_paths.empty()) {
    return refuse("mode \"spiffe\" has the server's own bundle: no ca_bundle_path");
  }
  if (!spiffe && config.ca_bundle_paths.empty()) {
    return refuse("ca_bundle_path or ca_bundle_paths is required");
  }
  SIGNET_TRY(config.spiffe_prefix,
             value_of<std::string>(settings, "spiffe_prefix", "/spire-exchange/"));
  if (!config.spiffe_prefix.starts_with('/')) config.spiffe_prefix = "/" + config.spiffe_prefix;
  if (!config.spiffe_prefix.ends_with('/')) config.spiffe_prefix += '/';
  SIGNET_TRY(const auto intermediates, value_of<std::int64_t>(settings, "max_intermediates", 4));
  SIGNET_TRY(const auto rsa_bits, value_of<std::int64_t>(settings, "max_rsa_key_size", 8192));
  if (intermediates < 0 || rsa_bits < 0) return refuse("a limit cannot be below 0");
  config.max_intermediates = static_cast<std::size_t>(std::min(intermediates, kMaxIntermediates));
  config.max_rsa_key_size = static_cast<int>(std::min<std::int64_t>(rsa_bits, 8192));
  SIGNET_TRY(config.verify_client_ip, value_of<bool>(settings, "verify_client_ip", false));
  return config;
}

}  // namespace

Result<Config> Config::parse(std::string_view json) {
  SIGNET_TRY(const Json block, settings::parse(json));
  const auto is_set = [&](const char* name) { return block.contains(name); };
  Config config;
  if (is_set("private_key_path") || is_set("certificate_path") || is_set("intermediates_path") ||
      is_set("spiffe_endpoint_socket")) {
    SIGNET_TRY(config.agent, parse_agent(block));
  } else {
    SIGNET_TRY(config.server, parse_server(block));
  }
  return config;
}

}  // namespace signet::x509pop
