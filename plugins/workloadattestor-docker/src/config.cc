#include "config.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "finders.h"
#include "settings/settings.h"

namespace signet::docker {
namespace {

constexpr std::string_view kUnix = "unix://";

Result<bool> flag(const nlohmann::json& block, const char* name, bool fallback) {
  const auto found = block.find(name);
  if (found == block.end()) return fallback;
  if (!found->is_boolean())
    return Status::invalid_argument(std::string(name) + " is not a boolean");
  return found->get<bool>();
}

// The path of a "unix:///path"; `fallback` when nothing is written.
Result<std::string> socket_path(const nlohmann::json& block, const char* name,
                                const std::string& fallback) {
  SIGNET_TRY(const std::string text, settings::text_of(block, name));
  if (text.empty()) return fallback;
  std::string path = text.starts_with(kUnix) ? text.substr(kUnix.size()) : std::string();
  if (!path.starts_with('/')) {
    return Status::invalid_argument(std::string(name) +
                                    " must be a Unix socket, unix:///absolute/path");
  }
  return path;
}

Result<std::vector<std::string>> texts(const nlohmann::json& block, const char* name) {
  std::vector<std::string> out;
  const auto found = block.find(name);
  if (found == block.end()) return out;
  const Status wrong = Status::invalid_argument(std::string(name) + " is not a list of strings");
  if (!found->is_array()) return wrong;
  for (const auto& item : *found) {
    if (!item.is_string()) return wrong;
    out.push_back(item.get<std::string>());
  }
  return out;
}

Status refuse_sigstore(const nlohmann::json& block) {
  const auto experimental = block.find("experimental");
  const bool old = experimental != block.end() && experimental->is_object() &&
                   experimental->contains("sigstore");
  if (!old && !block.contains("sigstore")) return {};
  return Status::invalid_argument("sigstore is not verified yet");
}

}  // namespace

Result<Config> Config::parse(std::string_view json) {
  SIGNET_TRY(const auto block, settings::parse(json));
  SIGNET_RETURN_IF_ERROR(refuse_sigstore(block));
  Config config;
  SIGNET_TRY(config.docker_socket, socket_path(block, "docker_socket_path", config.docker_socket));
  SIGNET_TRY(config.podman_socket, socket_path(block, "podman_socket_path", config.podman_socket));
  const std::string usual = config.rootless_podman_before + "%d" + config.rootless_podman_after;
  SIGNET_TRY(const std::string of_users, socket_path(block, "podman_socket_path_template", usual));
  const std::size_t number = of_users.find("%d");
  if (std::count(of_users.begin(), of_users.end(), '%') != 1 || number == std::string::npos) {
    return Status::invalid_argument("podman_socket_path_template must contain exactly one %d");
  }
  config.rootless_podman_before = of_users.substr(0, number);
  config.rootless_podman_after = of_users.substr(number + 2);

  SIGNET_TRY(config.docker_version, settings::text_of(block, "docker_version"));
  if (config.docker_version.starts_with('v')) config.docker_version.erase(0, 1);
  if (config.docker_version.find_first_not_of("0123456789.") != std::string::npos)
    return Status::invalid_argument("docker_version is not a version such as 1.41");

  SIGNET_TRY(config.verbose, flag(block, "verbose_container_locator_logs", false));
  SIGNET_TRY(config.look_at_mounts, flag(block, "use_new_container_locator", true));
  SIGNET_TRY(const auto matchers, texts(block, "container_id_cgroup_matchers"));
  if (config.look_at_mounts && !matchers.empty()) {
    return Status::invalid_argument(
        "container_id_cgroup_matchers needs use_new_container_locator = false");
  }
  if (config.look_at_mounts) {
    config.finder = [](std::string_view path) { return process::find_container(path, false); };
  } else if (matchers.empty()) {
    config.finder = find_after_docker;
  } else {
    SIGNET_TRY(config.finder, pattern_finder(matchers));
  }
  return config;
}

}  // namespace signet::docker
