// AgentConfig: the settings of an agent role, typed.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signet/spiffe_id.h"
#include "signet/status.h"

#include "crypto/key.h"
#include "sds_names.h"

namespace signet::agent {

enum class RebootstrapMode { kNever, kAuto, kAlways };

struct AgentConfig {
  TrustDomain trust_domain;
  std::string data_dir = ".";
  std::string server_address;  // a name, or several with commas between
  int server_port = 0;
  std::string socket_path = "/tmp/spire-agent/public/api.sock";

  // Where the first bundle comes from; exactly one is set.
  std::string trust_bundle_path;
  std::string trust_bundle_url;
  std::string trust_bundle_unix_socket;   // how to reach trust_bundle_url
  std::string trust_bundle_workload_api;  // "unix:///path" or "tcp://IP:port"
  bool trust_bundle_is_spiffe = false;    // JSON instead of PEM
  bool insecure_bootstrap = false;

  RebootstrapMode rebootstrap = RebootstrapMode::kNever;  // see rebootstrap.h
  std::chrono::seconds rebootstrap_delay{600};

  bool join_with_token = false;  // a token was given: it is shown whatever attestor is configured

  bool allow_unauthenticated_verifiers = false;
  std::vector<std::string> allowed_foreign_jwt_claims;
  // How often callers may make each call, by its full method name; see caller_limits.h.
  std::map<std::string, std::uint32_t> call_rates;
  std::vector<std::string> log_selectors;  // see no_identity.h
  bool wit_svids = false;                  // see wit_minter.h
  bool disable_workload_api = false;
  bool disable_sds_api = false;
  SdsOptions sds;

  std::vector<std::string> authorized_delegates;  // SPIFFE IDs
  std::string admin_socket_path;                  // absolute; "": no admin socket
  std::vector<std::uint32_t> admin_uids;          // who may call there; empty: whoever can open it

  // Of these kinds explanations show no values.
  std::vector<std::string> redact_selectors = {"docker:env", "k8s:pod-annotation"};

  std::size_t jwt_cache_size = 1000;
  std::size_t x509_cache_size = 1000;  // soft limit
  crypto::KeyType workload_key_type = crypto::KeyType::kEcP256;
  std::chrono::seconds availability_target{0};  // 0: not set

  std::chrono::nanoseconds connection_age = std::chrono::minutes(10);  // and up to twice as long
  std::chrono::nanoseconds sync_interval = std::chrono::seconds(5);
  std::chrono::nanoseconds hold = std::chrono::seconds(5);  // see hold.h
  std::size_t hold_max = 4096;
  // Over how long SVIDs of a tainted authority are replaced; 0: as long as it takes at half speed,
  // at least 5 s.
  std::chrono::nanoseconds taint_window{0};
  std::chrono::nanoseconds jwt_cache_hit_timeout = std::chrono::seconds(30);
  bool use_sync_authorized_entries = true;

  std::vector<std::string> warnings;  // findings that do not stop the agent

  explicit AgentConfig(TrustDomain domain) : trust_domain(std::move(domain)) {}

  /// Reads the role's settings, JSON that already satisfies kConfigSchema. Touches no file but
  /// join_token_file.
  /// Errors   kInvalidArgument, naming the key
  static Result<AgentConfig> from_json(std::string_view json);

  std::string server_uri() const {  // for the transport
    return "dns:" + server_address + ":" + std::to_string(server_port);
  }
};

}  // namespace signet::agent
