#include "config.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "signet/duration.h"

#include "settings/settings.h"

namespace signet::server {
namespace {

using nlohmann::json;
using settings::flag;
using settings::list;
using settings::text;

Status bad(std::string_view key, std::string_view reason) {
  std::string pointer = "/server/" + std::string(key);
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  return Status::invalid_argument("server." + std::string(key) + ": " + std::string(reason))
      .with("pointer", std::move(pointer));
}

// Certificates count whole seconds, so a life shorter than one is none.
Status read_ttl(const json& block, const char* key, std::chrono::seconds& out) {
  const std::string value = text(block, key);
  if (value.empty()) return {};
  const auto parsed = parse_go_duration(value);
  if (!parsed) return bad(key, parsed.status().message());
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(*parsed);
  if (whole.count() < 1) return bad(key, "must be at least 1s");
  // A certificate's end must stay a time that RFC 5280 can write (year 9999).
  if (whole > std::chrono::hours(24 * 365 * 100)) return bad(key, "must be at most 100 years");
  out = whole;
  return {};
}

Status read_key_type(const json& block, const char* key, crypto::KeyType& out) {
  const std::string name = text(block, key);
  if (name.empty()) return {};
  const auto type = crypto::key_type_from_name(name);
  if (!type) return bad(key, "is not one of rsa-2048, rsa-4096, ec-p256, ec-p384");
  out = *type;
  return {};
}

// An SVID cannot outlive what signs it, and a prepared authority takes over at five sixths of the
// active one's life (at most 7 days before its end); a longer TTL would be cut short.
void warn_of_long_ttl(ServerConfig& config, const char* key, std::chrono::seconds ttl) {
  const std::chrono::seconds limit =
      std::min<std::chrono::seconds>(config.ca_ttl / 6, std::chrono::hours(7 * 24));
  if (ttl > limit) {
    config.warnings.push_back("server." + std::string(key) + " of " + format_go_duration(ttl) +
                              " is more than ca_ttl allows at all times (" +
                              format_go_duration(limit) + "); some SVIDs will live shorter");
  }
}

// Signet's own keys: what the peer leaves to chance.
Status read_authority_rules(const json& block, ServerConfig& config) {
  SIGNET_RETURN_IF_ERROR(read_ttl(block, "activation_wait", config.activation_wait));
  SIGNET_RETURN_IF_ERROR(
      read_ttl(block, "expired_authority_grace", config.expired_authority_grace));
  if (const auto most = block.find("downstream_max_path"); most != block.end()) {
    config.downstream_max_path = most->get<std::uint32_t>();
  }
  config.downstream_name_constraints = flag(block, "downstream_name_constraints", false);
  const auto federation = block.find("federation");
  if (federation == block.end()) return {};
  SIGNET_TRY(config.federation,
             FederationConfig::from_json(*federation, config.trust_domain, config.warnings));
  if (config.federation.endpoint) config.federation_refresh_hint = config.federation.refresh_hint;
  return {};
}

Status read_datastore_rules(const json& block, ServerConfig& config) {
  if (const std::string value = text(block, "offline_issuance"); !value.empty()) {
    const auto parsed = parse_go_duration(value);
    if (!parsed) return bad("offline_issuance", parsed.status().message());
    config.offline_issuance = std::chrono::duration_cast<std::chrono::seconds>(*parsed);
    if (config.offline_issuance.count() < 0) return bad("offline_issuance", "must not be negative");
  }
  if (block.contains("prune_attested_nodes_expired_for")) {
    std::chrono::seconds expired_for{};
    SIGNET_RETURN_IF_ERROR(read_ttl(block, "prune_attested_nodes_expired_for", expired_for));
    config.prune_agents_expired_for = expired_for;
  }
  if (const auto batch = block.find("prune_attested_nodes_batch_size"); batch != block.end()) {
    config.prune_agents_batch = batch->get<std::uint32_t>();
  }
  config.prune_tofu_agents = flag(block, "prune_tofu_nodes", false);
  return {};
}

Status read_wit(const json& experimental, ServerConfig& config) {
  const std::vector<std::string> flags = list(experimental, "feature_flags");
  config.wit_svids = std::find(flags.begin(), flags.end(), "wit-svid") != flags.end();
  config.wit_key_type = config.ca_key_type;
  config.wit_issuer = text(experimental, "wit_issuer");
  return read_key_type(experimental, "wit_key_type", config.wit_key_type);
}

Result<ServerConfig> read_server(const json& block) {
  const std::string domain_text = text(block, "trust_domain");
  auto domain = TrustDomain::parse_name_or_id(domain_text);
  if (!domain) return bad("trust_domain", domain.status().message());
  ServerConfig config(std::move(*domain));
  if (domain_text.size() > 255) {
    config.warnings.emplace_back("server.trust_domain is longer than 255 characters");
  }
  config.data_dir = text(block, "data_dir");
  if (config.data_dir.empty()) return bad("data_dir", "must not be empty");
  config.bind_address = text(block, "bind_address", config.bind_address);
  if (const auto port = block.find("bind_port"); port != block.end()) {
    config.bind_port = port->get<int>();
  }
  config.socket_path = text(block, "socket_path", config.socket_path);
  for (const std::string& id : list(block, "admin_ids")) {
    auto parsed = SpiffeId::parse(id);
    if (!parsed) return bad("admin_ids", "\"" + id + "\": " + parsed.status().message());
    config.admin_ids.push_back(std::move(*parsed));
  }

  SIGNET_RETURN_IF_ERROR(read_ttl(block, "ca_ttl", config.ca_ttl));
  SIGNET_RETURN_IF_ERROR(read_ttl(block, "default_x509_svid_ttl", config.x509_svid_ttl));
  SIGNET_RETURN_IF_ERROR(read_ttl(block, "default_jwt_svid_ttl", config.jwt_svid_ttl));
  config.agent_ttl = config.x509_svid_ttl;
  SIGNET_RETURN_IF_ERROR(read_ttl(block, "agent_ttl", config.agent_ttl));
  SIGNET_RETURN_IF_ERROR(read_key_type(block, "ca_key_type", config.ca_key_type));
  config.jwt_key_type = config.ca_key_type;
  SIGNET_RETURN_IF_ERROR(read_key_type(block, "jwt_key_type", config.jwt_key_type));
  if (const auto subject = block.find("ca_subject"); subject != block.end()) {
    x509::Name name;
    name.country = list(*subject, "country");
    name.organization = list(*subject, "organization");
    name.common_name = text(*subject, "common_name");
    if (!name.empty()) config.ca_subject = std::move(name);
  }
  config.jwt_issuer = text(block, "jwt_issuer");
  config.datastore_task = text(block, "datastore_task");
  if (const auto import = block.find("spire_import"); import != block.end()) {
    config.spire_import = {text(*import, "config_path"), flag(*import, "expand_env", false),
                           config.datastore_task == "look"};
  }
  config.disable_jwt_svids = flag(block, "disable_jwt_svids", false);
  SIGNET_RETURN_IF_ERROR(read_authority_rules(block, config));
  SIGNET_RETURN_IF_ERROR(read_datastore_rules(block, config));
  config.audit_log_enabled = flag(block, "audit_log_enabled", false);
  if (block.contains("redact_selectors")) config.redact_selectors = list(block, "redact_selectors");
  if (const auto limits = block.find("ratelimit"); limits != block.end()) {
    config.ratelimit_attestation = flag(*limits, "attestation", true);
    config.ratelimit_signing = flag(*limits, "signing", true);
  }
  if (const auto experimental = block.find("experimental"); experimental != block.end()) {
    config.agent_spiffe_id_as_selector = flag(*experimental, "agent_spiffe_id_as_selector", false);
    SIGNET_RETURN_IF_ERROR(read_wit(*experimental, config));
  }
  warn_of_long_ttl(config, "default_x509_svid_ttl", config.x509_svid_ttl);
  warn_of_long_ttl(config, "default_jwt_svid_ttl", config.jwt_svid_ttl);
  warn_of_long_ttl(config, "agent_ttl", config.agent_ttl);
  return config;
}

}  // namespace

Result<ServerConfig> ServerConfig::from_json(std::string_view text_in) {
  return settings::read_block(text_in, "server", read_server);
}

}  // namespace signet::server
