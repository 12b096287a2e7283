#include "config.h"

#include <charconv>

#include <arpa/inet.h>
#include <nlohmann/json.hpp>

#include "signet/role_schema.h"

#include "settings/settings.h"

namespace signet::health_http {
namespace {

// "[::1]" as people write it beside a port; "localhost" is what SPIRE listens on by default.
Result<std::string> read_address(std::string address) {
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  if (address.empty() || address == "localhost") return std::string("127.0.0.1");
  in6_addr parsed{};
  if (inet_pton(AF_INET, address.c_str(), &parsed) == 1 ||
      inet_pton(AF_INET6, address.c_str(), &parsed) == 1) {
    return address;
  }
  return Status::invalid_argument("health_checks.bind_address: \"" + address +
                                  "\" is neither an IP address nor localhost");
}

Result<std::uint16_t> read_port(const std::string& text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, port);
  if (error == std::errc() && at == end) return port;
  return Status::invalid_argument("health_checks.bind_port: \"" + text + "\" is not a port");
}

}  // namespace

Result<Config> Config::from_json(std::string_view json) {
  SIGNET_TRY(const nlohmann::json block, settings::parse(json));
  Config config;
  config.enabled = settings::flag(block, "listener_enabled", false);
  SIGNET_TRY(config.address, read_address(settings::text(block, "bind_address")));
  if (const std::string port = settings::text(block, "bind_port"); !port.empty()) {
    SIGNET_TRY(config.port, read_port(port));
  }
  for (auto [path, name] :
       {std::pair(&config.live_path, "live_path"), {&config.ready_path, "ready_path"}}) {
    if (std::string given = settings::text(block, name); !given.empty()) *path = std::move(given);
    if (!path->starts_with('/')) {
      return Status::invalid_argument(std::string("health_checks.") + name +
                                      ": must begin with '/'");
    }
  }
  if (config.live_path == config.ready_path) {
    return Status::invalid_argument("health_checks: live_path and ready_path are the same");
  }
  return config;
}

const char* const kSchema = kHealthChecksSchema;

}  // namespace signet::health_http
