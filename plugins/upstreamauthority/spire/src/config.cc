#include "config.h"

#include <nlohmann/json.hpp>

#include "settings/settings.h"
#include "workload_client/rpc_transport.h"

namespace signet::spire_upstream {
namespace {

Status refuse(const std::string& text) { return Status::invalid_argument(text); }

Status check_experimental(const nlohmann::json& block) {
  const auto found = block.find("experimental");
  if (found == block.end() || !found->is_object()) return {};
  SIGNET_TRY(const std::string pipe, settings::text_of(*found, "workload_api_named_pipe_name"));
  if (!pipe.empty()) return refuse("workload_api_named_pipe_name is for Windows only");
  if (const auto pq = found->find("require_pq_kem"); pq != found->end() && *pq == true) {
    return refuse("require_pq_kem: this release has no post-quantum key exchange");
  }
  return {};
}

Result<std::string> find_workload_api(const std::string& socket, std::string_view endpoint) {
  if (!socket.empty()) {
    if (socket.front() != '/') return refuse("workload_api_socket is not an absolute path");
    return "unix:" + socket;
  }
  if (endpoint.empty()) {
    return refuse("workload_api_socket is required where SPIFFE_ENDPOINT_SOCKET is not set");
  }
  auto uri = workload_client::rpc_uri(endpoint);
  if (!uri) return uri.status().prefixed("SPIFFE_ENDPOINT_SOCKET");
  return uri;
}

}  // namespace

Result<Config> Config::parse(std::string_view json, std::string_view endpoint) {
  SIGNET_TRY(const auto block, settings::parse(json));
  SIGNET_TRY(const std::string address, settings::required_text(block, "server_address"));
  const auto port = block.find("server_port");
  if (port == block.end() || !port->is_number_unsigned() || port->get<std::uint64_t>() == 0 ||
      port->get<std::uint64_t>() > 65535) {
    return refuse("server_port is not a port");
  }
  SIGNET_RETURN_IF_ERROR(check_experimental(block));
  SIGNET_TRY(const std::string socket, settings::text_of(block, "workload_api_socket"));
  Config config;
  SIGNET_TRY(config.workload_uri, find_workload_api(socket, endpoint));
  const bool ipv6 = address.find(':') != std::string::npos && address.front() != '[';
  config.server_uri = "dns:" + (ipv6 ? "[" + address + "]" : address) + ":" +
                      std::to_string(port->get<std::uint64_t>());
  return config;
}

}  // namespace signet::spire_upstream
