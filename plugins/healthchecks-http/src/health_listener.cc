#include "health_listener.h"

#include <filesystem>

#include <nlohmann/json.hpp>

#include "signet/abi/health_listener.h"

#include "settings/settings.h"

namespace signet::health_http {
namespace {

using https_server::Answer;

Answer with_body(unsigned status, std::string body) {
  return {status, "application/json", std::make_shared<const std::string>(std::move(body))};
}

// Of the server's admin API, or the agent's Workload API; "" when that is switched off.
std::string own_socket(const Host& host) {
  const auto* config = host.service<signet_host_config>(SIGNET_HOST_CONFIG);
  if (config == nullptr) return {};
  const auto shared = settings::parse(view(config->shared(host.abi())));
  if (!shared) return {};
  if (settings::flag(*shared, "disable_workload_api", false) &&
      settings::flag(*shared, "disable_sds_api", false)) {
    return {};
  }
  std::string path = settings::text(*shared, "socket_path");
  constexpr std::string_view kScheme = "unix:";
  if (path.starts_with(kScheme)) path.erase(0, kScheme.size());
  return path.empty() ? path : std::filesystem::absolute(path).string();
}

}  // namespace

const void* HealthListener::service(std::string_view id) {
  static constexpr signet_health_listener kTable = {sizeof(signet_health_listener), 0};
  return id == SIGNET_HEALTH_LISTENER ? &kTable : nullptr;
}

Status HealthListener::validate(Call&, std::string_view json) {
  return Config::from_json(json).status();
}

Status HealthListener::configure(Call&, std::string_view json) {
  if (server_) {
    if (json == json_) return {};  // asked again after a signal
    return Status::failed_precondition("health_checks changes with a restart only");
  }
  SIGNET_TRY(config_, Config::from_json(json));
  json_ = json;
  return {};
}

// As with the peer, a port that cannot be had does not keep the role from its work.
Status HealthListener::start(Call&) {
  if (!config_.enabled) return {};
  https_server::Options options;
  options.address = config_.address;
  options.port = config_.port;
  options.max_connections = 64;
  options.max_connections_per_ip = 64;  // a node's prober has one address
  options.max_head_bytes = 4 * 1024;
  if (const std::string socket = own_socket(host()); !socket.empty())
    self_check_ = std::make_unique<SelfCheck>(socket);
  auto server = https_server::Server::start_plain(
      options, [this](const https_server::Request& request) { return answer(request); });
  if (!server) {
    host().log_status(LogLevel::kError, "Error serving health checks", server.status());
    return {};
  }
  server_ = std::move(*server);
  host().info("Serving health checks",
              {{"subsystem_name", "health"},
               {"address", config_.address + ":" + std::to_string(server_->port())}});
  return {};
}

Status HealthListener::stop(Call&) {
  server_.reset();
  self_check_.reset();
  return {};
}

Answer HealthListener::answer(const https_server::Request& request) const {
  const bool ready = request.path == config_.ready_path;
  if (!ready && request.path != config_.live_path) return {404, {}, {}};
  if (request.method != "GET") return {405, {}, {}};
  // "agent/HealthChecks/http" belongs to the scope "agent".
  const std::string_view name = host().abi()->name;
  const std::string subsystem = "{\"" + std::string(name.substr(0, name.find('/'))) + "\":";
  const auto* health = host().service<signet_host_health>(SIGNET_HOST_HEALTH);
  if (ready && (health == nullptr || health->ready(host().abi()) == 0)) {
    return with_body(500, subsystem + "{\"err\":\"not ready\"}}\n");
  }
  if (!ready && self_check_ && !self_check_->live())
    return with_body(500, subsystem + "{\"err\":\"no answer at its own socket\"}}\n");
  return with_body(200, subsystem + "{}}\n");
}

}  // namespace signet::health_http
