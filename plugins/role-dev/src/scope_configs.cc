#include "scope_configs.h"

#include <nlohmann/json.hpp>

namespace signet::dev {
namespace {

using nlohmann::json;

json plugin(json data) { return {{"plugin_data", std::move(data)}}; }

}  // namespace

std::string server_config(const StateFolder& folder, const TrustDomain& trust_domain,
                          std::uint16_t port) {
  const json server = {
      {"trust_domain", trust_domain.name()},
      {"bind_address", "127.0.0.1"},
      {"bind_port", port},
      {"socket_path", folder.admin_socket()},
      {"data_dir", folder.server_data()},
      // A weekend does not cost the authorities, nor a night the agent its SVID.
      {"ca_ttl", "168h"},
      {"agent_ttl", "24h"},
      {"log_file", folder.server_log()},
  };
  const json plugins = {
      {"DataStore",
       {{"sql", plugin({{"database_type", "sqlite3"},
                        {"connection_string", folder.server_data() + "/datastore.sqlite3"}})}}},
      {"KeyManager", {{"disk", plugin({{"keys_path", folder.server_data() + "/keys.json"}})}}},
      {"NodeAttestor", {{"join_token", plugin(json::object())}}},
  };
  return json{{"server", server}, {"plugins", plugins}}.dump();
}

std::string agent_config(const StateFolder& folder, const TrustDomain& trust_domain,
                         std::uint16_t port, const std::string& token) {
  json agent = {
      {"trust_domain", trust_domain.name()},
      {"server_address", "127.0.0.1"},
      {"server_port", port},
      {"socket_path", folder.workload_socket()},
      {"data_dir", folder.agent_data()},
      {"trust_bundle_path", folder.bundle_file()},
      {"log_file", folder.agent_log()},
      // An entry made by hand is there when one looks.
      {"experimental", {{"sync_interval", "1s"}}},
  };
  if (!token.empty()) agent["join_token"] = token;
  const json plugins = {
      {"KeyManager", {{"disk", plugin({{"directory", folder.agent_data()}})}}},
      {"NodeAttestor", {{"join_token", plugin(json::object())}}},
      {"WorkloadAttestor", {{"unix", plugin(json::object())}}},
  };
  return json{{"agent", agent}, {"plugins", plugins}}.dump();
}

}  // namespace signet::dev
