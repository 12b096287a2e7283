// The settings of workloadattestor-docker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "signet/status.h"

#include "process/container.h"

namespace signet::docker {

// SPIRE tells of unknown keys of this plugin and goes on.
inline constexpr const char* kSchema = R"json({
  "type": "object",
  "properties": {
    "docker_socket_path": {"type": "string", "default": "unix:///var/run/docker.sock",
      "description": "the Docker daemon's socket"},
    "docker_version": {"type": "string",
      "description": "API version to ask Docker for, such as 1.41; none: its own"},
    "container_id_cgroup_matchers": {"type": "array", "items": {"type": "string"},
      "description": "patterns of cgroup paths; needs use_new_container_locator = false"},
    "use_new_container_locator": {"type": "boolean", "default": true,
      "description": "look for the container ID in every cgroup path, else in mounts of cgroups"},
    "verbose_container_locator_logs": {"type": "boolean", "default": false,
      "description": "log each cgroup path and mount that is looked at, at level DEBUG"},
    "podman_socket_path": {"type": "string", "default": "unix:///run/podman/podman.sock",
      "description": "the socket of root's Podman"},
    "podman_socket_path_template": {"type": "string",
      "default": "unix:///run/user/%d/podman/podman.sock",
      "description": "the socket of a user's Podman; %d is the user's number"},
    "sigstore": {"type": "object",
      "x-signet-refuse": "signatures of images are not verified yet, so images that nobody signed would get the identity"},
    "experimental": {"type": "object", "additionalProperties": false, "x-signet-unknown": "warn",
      "properties": {"sigstore": {"type": "object",
        "x-signet-refuse": "signatures of images are not verified yet, so images that nobody signed would get the identity"}}}
  },
  "additionalProperties": false,
  "x-signet-unknown": "warn"
})json";

struct Config {
  // Absolute paths.
  std::string docker_socket = "/var/run/docker.sock";
  std::string podman_socket = "/run/podman/podman.sock";
  std::string rootless_podman_before = "/run/user/";  // of the user's number in the template
  std::string rootless_podman_after = "/podman/podman.sock";
  std::string docker_version;  // "1.41"; "": the daemon's own
  bool look_at_mounts = true;
  bool verbose = false;
  process::ContainerFinder finder;

  /// Reads the plugin's canonical JSON.
  /// Errors   kInvalidArgument: a wrong type or value, a setting that cannot be kept
  static Result<Config> parse(std::string_view json);

  std::string rootless_podman_socket(std::uint32_t uid) const {
    return rootless_podman_before + std::to_string(uid) + rootless_podman_after;
  }
};

}  // namespace signet::docker
