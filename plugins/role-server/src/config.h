// ServerConfig: the settings of a server role, typed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signet/spiffe_id.h"
#include "signet/status.h"

#include "crypto/key.h"
#include "federation_config.h"
#include "x509/name.h"

namespace signet::server {

struct ServerConfig {
  TrustDomain trust_domain;
  std::string data_dir;
  std::string bind_address = "0.0.0.0";
  int bind_port = 8081;
  std::string socket_path = "/tmp/spire-server/private/api.sock";
  std::vector<SpiffeId> admin_ids;

  std::chrono::seconds ca_ttl{24 * 3600};
  std::chrono::seconds x509_svid_ttl{3600};
  std::chrono::seconds jwt_svid_ttl{300};
  std::chrono::seconds agent_ttl{3600};  // x509_svid_ttl unless set
  crypto::KeyType ca_key_type = crypto::KeyType::kEcP256;
  crypto::KeyType jwt_key_type = crypto::KeyType::kEcP256;
  x509::Name ca_subject = x509::Name::spiffe();
  std::string jwt_issuer;
  bool disable_jwt_svids = false;
  // Set by `signet server datastore`, which does one task and ends.
  std::string datastore_task;  // "check", "migrate", "look", "fill"
  struct SpireImport {         // with "look" (a dry run) and "fill"
    std::string config_path;   // SPIRE's configuration file
    bool expand_env = false;
    bool dry_run = false;
  };
  std::optional<SpireImport> spire_import;
  bool wit_svids = false;  // feature flag "wit-svid"
  crypto::KeyType wit_key_type = crypto::KeyType::kEcP256;
  std::string wit_issuer;

  // How long an authority that is due waits for those who do not have it yet.
  std::chrono::seconds activation_wait{600};
  // How long after its end an authority leaves the bundle.
  std::chrono::seconds expired_authority_grace{24 * 3600};
  // For how long memory decides while the datastore is away.
  std::chrono::seconds offline_issuance{15 * 60};
  // Attested agents that expired longer ago than this are pruned; none: they stay.
  std::optional<std::chrono::seconds> prune_agents_expired_for;
  std::size_t prune_agents_batch = 1000;
  bool prune_tofu_agents = false;  // also those that cannot attest again
  FederationConfig federation;
  // How often federated domains are told to fetch our bundle; 0 without a bundle endpoint.
  std::chrono::seconds federation_refresh_hint{0};
  std::optional<std::uint32_t> downstream_max_path;  // path length of downstream CA certificates
  bool downstream_name_constraints = false;

  bool audit_log_enabled = false;
  // Kinds of selectors whose values may be secrets: "type" or "type:first part of the value".
  std::vector<std::string> redact_selectors = {"docker:env", "k8s:pod-annotation"};
  bool ratelimit_attestation = true;
  bool ratelimit_signing = true;
  bool agent_spiffe_id_as_selector = false;

  std::vector<std::string> warnings;  // findings that do not stop the server

  explicit ServerConfig(TrustDomain domain) : trust_domain(std::move(domain)) {}

  /// Reads the role's settings, JSON that already satisfies kConfigSchema.
  /// Errors   kInvalidArgument, with the key's full path in the message and, as field `pointer`,
  ///          its JSON pointer
  static Result<ServerConfig> from_json(std::string_view json);
};

}  // namespace signet::server
