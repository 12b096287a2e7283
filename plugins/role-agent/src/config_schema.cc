#include "config_schema.h"

#include "signet/role_schema.h"

namespace signet::agent {
namespace {

// Keys of later features carry x-signet-since (one warning); keys that restrict or protect and do
// nothing yet carry x-signet-refuse, because an agent that silently leaves a fence open is worse
// than one that does not start.
constexpr auto kSchemaText = schema_text(R"json({
  "type": "object",
  "required": ["agent"],
  "additionalProperties": false,
  "properties": {
    "agent": {
      "type": "object",
      "required": ["trust_domain", "server_address", "server_port"],
      "additionalProperties": false,
      "properties": {
        "trust_domain": {"type": "string", "description": "the trust domain this agent is a member of, without spiffe://"},
        "data_dir": {"type": "string", "format": "path", "default": ".", "description": "folder for the agent's own SVID and the bundle"},
        "server_address": {"type": "string", "description": "DNS name or address of the server; several with commas between"},
        "server_port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "socket_path": {"type": "string", "format": "path", "default": "/tmp/spire-agent/public/api.sock", "description": "socket of the Workload API"},
        "trust_bundle_path": {"type": "string", "format": "path", "description": "file with the server's authorities, for the first contact"},
        "trust_bundle_url": {"type": "string", "format": "url", "description": "https URL to get them from"},
        "trust_bundle_unix_socket": {"type": "string", "format": "path", "description": "ask trust_bundle_url, then an http one, over this socket"},
        "trust_bundle_spiffe_workload_api": {"type": "string", "description": "another agent's Workload API to take them from, unix:///path or tcp://IP:port"},
        "trust_bundle_format": {"type": "string", "enum": ["pem", "spiffe"], "default": "pem"},
        "insecure_bootstrap": {"type": "boolean", "default": false, "description": "believe any server at the first contact"},
        "join_token": {"type": "string", "x-signet-secret": true, "description": "token of 'signet server token generate'"},
        "join_token_file": {"type": "string", "format": "path", "description": "file with the token"},
        "allow_unauthenticated_verifiers": {"type": "boolean", "default": false, "description": "bundles for callers without an identity"},
        "allowed_foreign_jwt_claims": {"type": "array", "items": {"type": "string"}, "default": []},
        "authorized_delegates": {"type": "array", "items": {"type": "string"}, "default": [], "description": "SPIFFE IDs of workloads that may ask for other workloads' identities at the admin socket"},
        "admin_socket_path": {"type": "string", "format": "path", "description": "socket of the APIs for the node's administrators and for delegates, in another folder than socket_path; default: none"},
        "redact_selectors": {"type": "array", "items": {"type": "string"}, "default": ["docker:env", "k8s:pod-annotation"], "description": "selectors of these kinds are shown without their values"},
        "availability_target": {"type": "string", "format": "duration", "minimum": "24h", "description": "how long SVIDs outlive an absent server"},
        "disable_workload_api": {"type": "boolean", "default": false},
        "disable_sds_api": {"type": "boolean", "default": false, "description": "no SDS for Envoys on the socket"},
        "jwt_svid_cache_max_size": {"type": "integer", "minimum": 0, "default": 1000},
        "x509_svid_cache_max_size": {"type": "integer", "minimum": 0, "default": 1000},
        "workload_x509_svid_key_type": {"type": "string", "enum": ["rsa-2048", "ec-p256", "ec-p384"], "x-signet-ignore-case": true, "default": "ec-p256"},
        "rebootstrap_mode": {"type": "string", "enum": ["never", "auto", "always"], "x-signet-ignore-case": true, "default": "never", "description": "whether an agent that can attest again believes the source of its first bundle once more when its server is signed by nobody it knows"},
        "rebootstrap_delay": {"type": "string", "format": "duration", "minimum": "0s", "default": "10m", "description": "for how long it waits before it does"},
        "log_level": {"type": "string", "enum": ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "PANIC"], "x-signet-ignore-case": true, "default": "INFO"},
        "log_file": {"type": "string", "format": "path"},
        "log_format": {"type": "string", "enum": ["text", "json"], "x-signet-ignore-case": true, "default": "text"},
        "log_source_location": {"type": "boolean", "default": false, "x-signet-since": "a later release"},
        "log_selectors": {"type": "array", "items": {"type": "string"}, "default": [], "description": "prefixes of the selectors, such as k8s:ns, that the log shows of a caller without an identity"},
        "profiling_enabled": {"type": "boolean", "x-signet-since": "a later release"},
        "profiling_port": {"type": "integer", "x-signet-since": "a later release"},
        "profiling_freq": {"type": "integer", "x-signet-since": "a later release"},
        "profiling_names": {"type": "array", "items": {"type": "string"}, "x-signet-since": "a later release"},
        "retry_bootstrap": {"type": "boolean", "$comment": "dropped by the peer in 1.14", "x-signet-no-effect": "the agent always tries again; see rebootstrap_mode"},
        "sds": {
          "type": "object", "additionalProperties": false, "x-signet-unknown": "warn",
          "properties": {
            "default_svid_name": {"type": "string", "default": "default", "description": "what an Envoy calls the first X509-SVID of its own"},
            "default_bundle_name": {"type": "string", "default": "ROOTCA", "description": "and the bundle of the trust domain"},
            "default_all_bundles_name": {"type": "string", "default": "ALL", "description": "and all bundles in one, federated ones among them"},
            "disable_spiffe_cert_validation": {"type": "boolean", "default": false, "description": "bundles as plain CAs instead of settings of Envoy's SPIFFE validator"}
          }
        },
        "experimental": {
          "type": "object", "additionalProperties": false, "x-signet-unknown": "warn",
          "properties": {
            "taint_window": {"type": "string", "format": "duration", "minimum": "1ms", "description": "over how long X509-SVIDs of a tainted authority are replaced, open streams first; default: 5s, or longer when the server is slower"},
            "connection_age": {"type": "string", "format": "duration", "minimum": "100ms", "default": "10m", "description": "how long, and up to twice as long, a connection to a server is used before one is chosen anew"},
            "sync_interval": {"type": "string", "format": "duration", "minimum": "10ms", "default": "5s", "description": "how often the server is asked for changes"},
            "hold": {"type": "string", "format": "duration", "minimum": "0s", "default": "5s", "description": "how long a caller without an entry waits for one; 0s: it is refused at once, as by SPIRE, and the socket opens after the first sync"},
            "hold_max": {"type": "integer", "minimum": 1, "default": 4096, "description": "how many callers wait at once; a quarter of them of one user"},
            "admin_uids": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 4294967295}, "default": [], "x-signet-restricts": true, "description": "users that may call at the admin socket; default: whoever may open it"},
            "jwt_svid_cache_hit_timeout": {"type": "string", "format": "duration", "description": "how long a call waits for the server while its cached token is still good; 5s to 30s"},
            "use_sync_authorized_entries": {"type": "boolean", "default": true, "description": "false: the whole list of entries each time"},
            "require_pq_kem": {"type": "boolean", "default": false, "x-signet-refuse": "post-quantum key exchange is not offered by this build's TLS"},
            "named_pipe_name": {"type": "string", "x-signet-refuse": "named pipes exist on Windows only; set socket_path"},
            "admin_named_pipe_name": {"type": "string", "x-signet-refuse": "named pipes exist on Windows only"},
            "ratelimit": {
              "type": "object", "additionalProperties": false, "x-signet-restricts": true,
              "description": "how often a second callers with the same selectors may make each call; 0: no limit",
              "properties": {
                "fetch_x509_svid": {"type": "integer", "minimum": 0, "maximum": 1000000, "default": 0},
                "fetch_jwt_svid": {"type": "integer", "minimum": 0, "maximum": 1000000, "default": 0},
                "fetch_x509_bundles": {"type": "integer", "minimum": 0, "maximum": 1000000, "default": 0},
                "fetch_jwt_bundles": {"type": "integer", "minimum": 0, "maximum": 1000000, "default": 0},
                "stream_secrets": {"type": "integer", "minimum": 0, "maximum": 1000000, "default": 0},
                "fetch_secrets": {"type": "integer", "minimum": 0, "maximum": 1000000, "default": 0}
              }
            },
            "broker": {"type": "object", "x-signet-since": "a later release"},
            "feature_flags": {"type": "array", "items": {"type": "string", "enum": ["wit-svid", "i_am_a_test_flag"]}, "default": [], "description": "wit-svid: WIT-SVIDs for workloads, when the server has the same flag"}
          }
        }
      }
    },
    "telemetry": {
      "type": "object", "additionalProperties": false, "x-signet-unknown": "warn",
      "properties": )json",
                                         kTelemetryProperties, R"json(
    },
    "health_checks": )json",
                                         kHealthChecksSchema, R"json(
  }
})json");

}  // namespace

const char* const kConfigSchema = kSchemaText.data();

// join_token and join_token_file are shared because the attestor plugin shows the token, and the
// command line may set them where the plugin's own block says nothing.
const char kRoleDescription[] = R"json({
  "block": "agent",
  "scope": "agent",
  "default_config": "conf/agent/agent.conf",
  "valid_text": "SPIRE agent configuration file is valid.",
  "invalid_text": "SPIRE agent configuration file is invalid:",
  "share": ["trust_domain", "data_dir", "socket_path", "disable_workload_api", "disable_sds_api", "join_token", "join_token_file"],
  "types": {
    "HealthChecks": {"service": "signet.health_listener/1", "min": 0, "max": 1},
    "KeyManager": {"service": "signet.key_manager/1", "min": 1, "max": 1},
    "NodeAttestor": {"service": "signet.node_attestor.agent/1", "min": 1, "max": 1},
    "WorkloadAttestor": {"service": "signet.workload_attestor/1", "min": 1}
  },
  "later": {
    "SVIDStore": "no SVIDStore plugin exists yet"
  },
  "defaults": [{"type": "HealthChecks", "name": "http", "settings": "health_checks", "when": "listener_enabled"}],
  "drain_seconds": 10,
  "capabilities": ["dac_read_search", "sys_ptrace"]
})json";

}  // namespace signet::agent
