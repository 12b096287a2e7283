#include "config.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "signet/duration.h"

#include "settings/settings.h"
#include "workload_client/endpoint.h"

namespace signet::agent {
namespace {

using nlohmann::json;
using settings::flag;
using settings::list;
using settings::text;

// At the setting `key`, which the words need not name.
Status at(std::string_view key, std::string words) {
  return Status::invalid_argument(std::move(words)).with("pointer", "/agent/" + std::string(key));
}

Status bad(std::string_view key, std::string_view reason) {
  return at(key, "agent." + std::string(key) + ": " + std::string(reason));
}

// 0 and absent mean the default, as in the peer.
std::size_t cache_size(const json& block, const char* key) {
  const auto at = block.find(key);
  const std::size_t size = at != block.end() && at->is_number() ? at->get<std::size_t>() : 0;
  return size == 0 ? 1000 : size;
}

Status only_one(std::string_view a, std::string_view b) {
  return at(
      a, "only one of " + std::string(a) + " or " + std::string(b) + " can be specified, not both");
}

// Source of this and the next: facts of SPIRE's agent configuration, its texts and their order.
Status read_bundle_url(const AgentConfig& config) {
  const std::string& url = config.trust_bundle_url;
  if (config.trust_bundle_unix_socket.empty()) {
    if (!url.empty() && !url.starts_with("https://"))
      return at("trust_bundle_url", "trust bundle URL must start with https://");
    return {};
  }
  if (url.empty()) {
    return at("trust_bundle_unix_socket",
              "if trust_bundle_unix_socket is specified, so must be trust_bundle_url");
  }
  if (!url.starts_with("http://")) {
    return at("trust_bundle_url",
              "trust bundle URL must start with http:// when used with trust bundle unix socket");
  }
  const std::size_t query = url.find('?');
  if (query == std::string::npos) return {};
  const std::string parameters = "&" + url.substr(query + 1);
  for (const char* reserved : {"spiffe-", "spire-"}) {  // the agent's own
    if (parameters.find(std::string("&") + reserved) != std::string::npos) {
      return at("trust_bundle_url",
                std::string("trust_bundle_url query params can not start with ") + reserved);
    }
  }
  return {};
}

Status read_bundle_source(const json& block, AgentConfig& config) {
  config.trust_bundle_path = text(block, "trust_bundle_path");
  config.trust_bundle_url = text(block, "trust_bundle_url");
  config.trust_bundle_unix_socket = text(block, "trust_bundle_unix_socket");
  config.trust_bundle_workload_api = text(block, "trust_bundle_spiffe_workload_api");
  config.trust_bundle_is_spiffe = text(block, "trust_bundle_format") == "spiffe";
  config.insecure_bootstrap = flag(block, "insecure_bootstrap", false);
  const bool path = !config.trust_bundle_path.empty();
  const bool url = !config.trust_bundle_url.empty();
  const bool insecure = config.insecure_bootstrap;
  constexpr char kApi[] = "trust_bundle_spiffe_workload_api";
  if (!config.trust_bundle_workload_api.empty()) {
    if (insecure) return only_one("insecure_bootstrap", kApi);
    if (url) return only_one("trust_bundle_url", kApi);
    if (path) return only_one("trust_bundle_path", kApi);
    if (!config.trust_bundle_unix_socket.empty()) {
      return at("trust_bundle_unix_socket",
                "trust_bundle_unix_socket can not be used with trust_bundle_spiffe_workload_api");
    }
    const auto target = workload_client::endpoint_target(config.trust_bundle_workload_api);
    if (!target) {
      return target.status().prefixed(
          "trust_bundle_spiffe_workload_api is not a valid SPIFFE Workload API endpoint address");
    }
    return {};
  }
  if (insecure && url && path) {
    return Status::invalid_argument(
        "only one of insecure_bootstrap, trust_bundle_url, or trust_bundle_path can be specified, "
        "not the three options");
  }
  if (insecure && url) return only_one("insecure_bootstrap", "trust_bundle_url");
  if (insecure && path) return only_one("insecure_bootstrap", "trust_bundle_path");
  if (!path && !url && !insecure) {
    return Status::invalid_argument(
        "trust_bundle_path, trust_bundle_url, or trust_bundle_spiffe_workload_api must be "
        "configured unless insecure_bootstrap is set");
  }
  if (path && url) return only_one("trust_bundle_url", "trust_bundle_path");
  return read_bundle_url(config);
}

Status read_rebootstrap(const json& block, AgentConfig& config) {
  std::string mode = text(block, "rebootstrap_mode");
  std::transform(mode.begin(), mode.end(), mode.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (mode == "auto") config.rebootstrap = RebootstrapMode::kAuto;
  if (mode == "always") config.rebootstrap = RebootstrapMode::kAlways;
  if (config.rebootstrap != RebootstrapMode::kNever && config.insecure_bootstrap) {
    return at("rebootstrap_mode", "insecure_bootstrap option can not be used with rebootstrapping");
  }
  if (const std::string delay = text(block, "rebootstrap_delay"); !delay.empty()) {
    SIGNET_TRY(const std::chrono::nanoseconds parsed, parse_go_duration(delay));
    config.rebootstrap_delay = std::chrono::ceil<std::chrono::seconds>(parsed);
  }
  return {};
}

Status read_join_token(const json& block, AgentConfig& config) {
  const std::string token = text(block, "join_token");
  const std::string path = text(block, "join_token_file");
  if (!token.empty() && !path.empty()) return only_one("join_token", "join_token_file");
  config.join_with_token = !token.empty() || !path.empty();
  if (path.empty()) return {};
  std::ifstream file(path);
  std::string word;
  if (!file) return bad("join_token_file", "unable to read " + path);
  if (!(file >> word)) return bad("join_token_file", "join token file " + path + " is empty");
  return {};
}

// Facts: the methods that each key is about. SPIRE has no DeltaSecrets; it must not be a way
// around.
void read_rates(const json& experimental, AgentConfig& config) {
  static constexpr std::pair<const char*, const char*> kMethods[] = {
      {"fetch_x509_svid", "/SpiffeWorkloadAPI/FetchX509SVID"},
      {"fetch_jwt_svid", "/SpiffeWorkloadAPI/FetchJWTSVID"},
      {"fetch_x509_bundles", "/SpiffeWorkloadAPI/FetchX509Bundles"},
      {"fetch_jwt_bundles", "/SpiffeWorkloadAPI/FetchJWTBundles"},
      {"stream_secrets", "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets"},
      {"stream_secrets", "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets"},
      {"fetch_secrets", "/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets"}};
  const auto rates = experimental.find("ratelimit");
  if (rates == experimental.end() || !rates->is_object()) return;
  for (const auto& [key, method] : kMethods) {
    if (const auto rate = rates->value(key, std::uint32_t{0}); rate > 0)
      config.call_rates[method] = rate;
  }
}

Status read_experimental(const json& block, AgentConfig& config) {
  const auto found = block.find("experimental");
  if (found == block.end() || !found->is_object()) return {};
  const json& experimental = *found;
  if (const std::string window = text(experimental, "taint_window"); !window.empty()) {
    SIGNET_TRY(config.taint_window, parse_go_duration(window));
    if (config.taint_window.count() <= 0) {
      return bad("experimental.taint_window", "must be positive");
    }
  }
  if (const std::string interval = text(experimental, "sync_interval"); !interval.empty()) {
    SIGNET_TRY(config.sync_interval, parse_go_duration(interval));
    if (config.sync_interval.count() <= 0)
      return bad("experimental.sync_interval", "must be positive");
  }
  if (const std::string hold = text(experimental, "hold"); !hold.empty()) {
    SIGNET_TRY(config.hold, parse_go_duration(hold));
    if (config.hold.count() < 0 || config.hold > std::chrono::minutes(10))
      return bad("experimental.hold", "must be between 0s and 10m");
  }
  config.hold_max = experimental.value("hold_max", config.hold_max);
  if (const std::string age = text(experimental, "connection_age"); !age.empty()) {
    SIGNET_TRY(config.connection_age, parse_go_duration(age));
    if (config.connection_age < std::chrono::milliseconds(100) ||
        config.connection_age > std::chrono::hours(24 * 365)) {
      return bad("experimental.connection_age", "must be between 100ms and a year");
    }
  }
  if (const std::string wait = text(experimental, "jwt_svid_cache_hit_timeout"); !wait.empty()) {
    SIGNET_TRY(config.jwt_cache_hit_timeout, parse_go_duration(wait));
    if (config.jwt_cache_hit_timeout < std::chrono::seconds(5) ||
        config.jwt_cache_hit_timeout >= std::chrono::seconds(30)) {
      return bad("experimental.jwt_svid_cache_hit_timeout",
                 "must be at least 5s and less than 30s");
    }
  }
  if (const auto uids = experimental.find("admin_uids"); uids != experimental.end()) {
    config.admin_uids = uids->get<std::vector<std::uint32_t>>();
  }
  config.use_sync_authorized_entries = flag(experimental, "use_sync_authorized_entries", true);
  read_rates(experimental, config);
  const std::vector<std::string> flags = list(experimental, "feature_flags");
  config.wit_svids = std::find(flags.begin(), flags.end(), "wit-svid") != flags.end();
  return {};
}

// Source of the rule and its text: facts of SPIRE's agent. Workloads can look around in the public
// socket's folder, and it is often mounted into their containers whole.
Status read_admin_socket(const json& block, AgentConfig& config) {
  const std::string path = text(block, "admin_socket_path");
  if (path.empty()) return {};
  namespace fs = std::filesystem;
  const auto absolute = [](const std::string& given) {
    return fs::absolute(given).lexically_normal();
  };
  config.admin_socket_path = absolute(path).string();
  if (config.disable_workload_api && config.disable_sds_api) return {};
  if (config.admin_socket_path.starts_with(absolute(config.socket_path).parent_path().string() +
                                           "/")) {
    return at(
        "admin_socket_path",
        "admin socket cannot be in the same directory or a subdirectory as that containing the "
        "Workload API socket");
  }
  return {};
}

// As in the peer, an empty name means the default.
void read_sds(const json& block, AgentConfig& config) {
  const auto found = block.find("sds");
  if (found == block.end() || !found->is_object()) return;
  SdsOptions& sds = config.sds;
  const auto name = [&](const char* key, std::string& value) {
    if (std::string given = text(*found, key); !given.empty()) value = std::move(given);
  };
  name("default_svid_name", sds.default_svid_name);
  name("default_bundle_name", sds.default_bundle_name);
  name("default_all_bundles_name", sds.default_all_bundles_name);
  sds.disable_spiffe_cert_validation = flag(*found, "disable_spiffe_cert_validation", false);
  if (sds.default_all_bundles_name == sds.default_bundle_name) {
    sds.default_all_bundles_name.clear();
    config.warnings.emplace_back(
        "sds.default_all_bundles_name equals sds.default_bundle_name and is ignored");
  }
}

// "a, b" -> "a,b"
Result<std::string> read_addresses(const std::string& list) {
  std::string addresses;
  for (const char c : list) {
    if (c != ' ') addresses += c;
  }
  if (addresses.empty()) return bad("server_address", "must not be empty");
  if (addresses.front() == ',' || addresses.back() == ',' ||
      addresses.find(",,") != std::string::npos) {
    return bad("server_address", "an address is missing beside a comma");
  }
  return addresses;
}

Result<AgentConfig> read_agent(const json& block) {
  auto domain = TrustDomain::parse_name_or_id(text(block, "trust_domain"));
  if (!domain) return bad("trust_domain", domain.status().message());
  AgentConfig config(std::move(*domain));
  config.data_dir = text(block, "data_dir", ".");
  SIGNET_TRY(config.server_address, read_addresses(text(block, "server_address")));
  config.server_port = block.at("server_port").get<int>();
  config.socket_path = text(block, "socket_path", config.socket_path);
  if (config.socket_path.starts_with("tcp:")) {
    return bad("socket_path",
               "the Workload API is served on a Unix socket only: over TCP nothing tells which "
               "process calls");
  }
  if (config.socket_path.starts_with("unix:"))
    return bad("socket_path", "give the path alone, without unix:");
  SIGNET_RETURN_IF_ERROR(read_bundle_source(block, config));
  SIGNET_RETURN_IF_ERROR(read_rebootstrap(block, config));
  SIGNET_RETURN_IF_ERROR(read_join_token(block, config));
  config.allow_unauthenticated_verifiers = flag(block, "allow_unauthenticated_verifiers", false);
  config.allowed_foreign_jwt_claims = list(block, "allowed_foreign_jwt_claims");
  config.log_selectors = list(block, "log_selectors");
  config.disable_workload_api = flag(block, "disable_workload_api", false);
  config.disable_sds_api = flag(block, "disable_sds_api", false);
  SIGNET_RETURN_IF_ERROR(read_admin_socket(block, config));
  read_sds(block, config);
  if (block.contains("redact_selectors")) config.redact_selectors = list(block, "redact_selectors");
  config.jwt_cache_size = cache_size(block, "jwt_svid_cache_max_size");
  config.x509_cache_size = cache_size(block, "x509_svid_cache_max_size");
  if (const auto type = crypto::key_type_from_name(text(block, "workload_x509_svid_key_type")))
    config.workload_key_type = *type;
  if (const std::string target = text(block, "availability_target"); !target.empty()) {
    SIGNET_TRY(const std::chrono::nanoseconds parsed, parse_go_duration(target));
    config.availability_target = std::chrono::duration_cast<std::chrono::seconds>(parsed);
  }
  for (const std::string& id : list(block, "authorized_delegates")) {
    const auto parsed = SpiffeId::parse(id);
    if (!parsed) return bad("authorized_delegates", "\"" + id + "\": " + parsed.status().message());
    if (!parsed->member_of(config.trust_domain))
      return bad("authorized_delegates", "\"" + id + "\" is not a member of the trust domain");
    config.authorized_delegates.push_back(id);
  }
  SIGNET_RETURN_IF_ERROR(read_experimental(block, config));
  if (config.insecure_bootstrap) {
    config.warnings.emplace_back(
        "insecure_bootstrap is set: whoever answers at the server's address is believed at the "
        "first contact");
  }
  return config;
}

}  // namespace

Result<AgentConfig> AgentConfig::from_json(std::string_view text_in) {
  return settings::read_block(text_in, "agent", read_agent);
}

}  // namespace signet::agent
