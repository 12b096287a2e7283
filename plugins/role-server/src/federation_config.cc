#include "federation_config.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "signet/duration.h"

#include "settings/settings.h"
#include "trust_domain_relationship.h"

namespace signet::server {
namespace {

using nlohmann::json;
using settings::text;

constexpr std::chrono::hours kDefaultFileCheck{1};
constexpr std::chrono::hours kLongHint{24};

// where   "bundle_endpoint/refresh_hint"; the name of a trust domain has no '/' in it
Status bad(const std::string& where, const std::string& reason) {
  std::string path = "server.federation." + where;
  std::replace(path.begin(), path.end(), '/', '.');
  return Status::invalid_argument(path + ": " + reason)
      .with("pointer", "/server/federation/" + where);
}

Status read_files(const json& web, EndpointOptions& options) {
  const std::string where = "bundle_endpoint/profile/https_web";
  const auto files = web.find("serving_cert_file");
  if (files == web.end()) return bad(where, "serving_cert_file is required");
  options.certificate_file = text(*files, "cert_file_path");
  options.key_file = text(*files, "key_file_path");
  options.file_check = kDefaultFileCheck;
  const std::string interval = text(*files, "file_sync_interval");
  if (interval.empty()) return {};
  const auto parsed = parse_go_duration(interval);
  if (!parsed)
    return bad(where + "/serving_cert_file/file_sync_interval", parsed.status().message());
  if (parsed->count() < 0) {
    return bad(where + "/serving_cert_file/file_sync_interval", "must not be negative");
  }
  if (parsed->count() > 0) options.file_check = *parsed;
  return {};
}

Status read_endpoint(const json& block, FederationConfig& config,
                     std::vector<std::string>& warnings) {
  EndpointOptions options;
  options.address = text(block, "address");
  if (options.address.empty()) options.address = "0.0.0.0";
  options.port = block.value("port", 443u);
  if (const std::string hint = text(block, "refresh_hint"); !hint.empty()) {
    const auto parsed = parse_go_duration(hint);
    if (!parsed) return bad("bundle_endpoint/refresh_hint", parsed.status().message());
    config.refresh_hint = std::chrono::duration_cast<std::chrono::seconds>(*parsed);
    if (config.refresh_hint.count() < 1) {
      return bad("bundle_endpoint/refresh_hint", "must be at least 1s");
    }
  }
  if (config.refresh_hint >= kLongHint) {
    warnings.emplace_back(
        "server.federation.bundle_endpoint.refresh_hint is a day or more: federated trust domains "
        "learn of new authorities that late");
  }
  const auto profile = block.find("profile");
  if (profile == block.end()) {
    warnings.emplace_back(
        "server.federation.bundle_endpoint has no profile; https_spiffe is taken. The peer will "
        "refuse this one day");
  } else if (const auto web = profile->find("https_web"); web != profile->end()) {
    SIGNET_RETURN_IF_ERROR(read_files(*web, options));
  }
  config.endpoint = std::move(options);
  return {};
}

Result<FederatedDomain> read_domain(const std::string& name, const json& block,
                                    const TrustDomain& own) {
  const std::string where = "federates_with/" + name;
  const auto domain = TrustDomain::parse_name_or_id(name);
  if (!domain) return bad(where, domain.status().message());
  if (*domain == own) return bad(where, "is the server's own trust domain");
  FederatedDomain out{domain->name(), text(block, "bundle_endpoint_url"), {}};
  if (const Status url = check_endpoint_url(out.url); !url.ok()) {
    return bad(where + "/bundle_endpoint_url", url.message());
  }
  const json& profile = block.at("bundle_endpoint_profile");
  if (const auto spiffe = profile.find("https_spiffe"); spiffe != profile.end()) {
    out.endpoint_id = text(*spiffe, "endpoint_spiffe_id");
    if (const auto id = SpiffeId::parse(out.endpoint_id); !id) {
      return bad(where + "/bundle_endpoint_profile/https_spiffe/endpoint_spiffe_id",
                 id.status().message());
    }
  }
  return out;
}

}  // namespace

Result<FederationConfig> FederationConfig::from_json(const json& block, const TrustDomain& own,
                                                     std::vector<std::string>& warnings) {
  FederationConfig config;
  if (const auto endpoint = block.find("bundle_endpoint"); endpoint != block.end()) {
    SIGNET_RETURN_IF_ERROR(read_endpoint(*endpoint, config, warnings));
  }
  if (const auto domains = block.find("federates_with"); domains != block.end()) {
    for (const auto& [name, domain] : domains->items()) {
      SIGNET_TRY(FederatedDomain read, read_domain(name, domain, own));
      config.federates_with.push_back(std::move(read));
    }
  }
  config.allow_private_endpoints = block.value("allow_private_endpoints", false);
  return config;
}

}  // namespace signet::server
