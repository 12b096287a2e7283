#include "config.h"

#include <array>
#include <pwd.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "settings/settings.h"

namespace signet::dev {

const char kConfigSchema[] = R"json({
  "type": "object",
  "required": ["dev"],
  "additionalProperties": false,
  "properties": {
    "dev": {
      "type": "object",
      "required": ["data_dir"],
      "additionalProperties": false,
      "properties": {
        "trust_domain": {"type": "string", "default": "example.org"},
        "data_dir": {"type": "string", "format": "path", "description": "folder for all that outlives the process"},
        "socket_path": {"type": "string", "format": "path", "description": "socket of the Workload API; default: agent.sock in data_dir"},
        "log_level": {"type": "string", "enum": ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "PANIC"], "x-signet-ignore-case": true, "default": "WARN"}
      }
    }
  }
})json";

const char kRoleDescription[] = R"json({
  "block": "dev",
  "scope": "dev",
  "types": {},
  "drain_seconds": 1,
  "capabilities": ["dac_read_search", "sys_ptrace"]
})json";

Result<DevConfig> DevConfig::from_json(std::string_view json) {
  const auto root = nlohmann::json::parse(json, nullptr, false);
  const auto block = root.is_object() ? root.find("dev") : root.end();
  if (block == root.end() || !block->is_object()) {
    return Status::invalid_argument("dev: the settings are missing");
  }
  auto trust_domain = TrustDomain::parse_name_or_id(settings::text(*block, "trust_domain"));
  if (!trust_domain) return trust_domain.status().prefixed("dev.trust_domain");
  DevConfig config(*trust_domain);
  config.data_dir = settings::text(*block, "data_dir");
  config.socket_path = settings::text(*block, "socket_path");
  if (!config.data_dir.starts_with('/')) {
    return Status::invalid_argument("dev.data_dir: is not an absolute path");
  }
  if (!config.socket_path.empty() && !config.socket_path.starts_with('/')) {
    return Status::invalid_argument("dev.socket_path: is not an absolute path");
  }
  return config;
}

std::string default_data_dir(const char* xdg_state_home) {
  // XDG Base Directory Specification: "If an implementation encounters a relative path in any of
  // these variables it should consider the path invalid and ignore it."
  if (xdg_state_home != nullptr && *xdg_state_home == '/') {
    return std::string(xdg_state_home) + "/signet-dev";
  }
  return "signet-dev";
}

std::string path_segment_for(std::string_view login_name, unsigned uid) {
  constexpr std::size_t kMaxName = 256;
  std::string segment(login_name.substr(0, kMaxName));
  for (char& c : segment) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == '_';
    if (!good) c = '_';
  }
  if (segment.find_first_not_of('.') == std::string::npos) return "uid-" + std::to_string(uid);
  return segment;
}

std::string login_name() {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> room{};
  if (getpwuid_r(geteuid(), &entry, room.data(), room.size(), &found) != 0 || found == nullptr) {
    return {};
  }
  return found->pw_name;
}

}  // namespace signet::dev
