#include "config_schema.h"

#include "signet/role_schema.h"

#include "federation_config.h"

namespace signet::server {
namespace {

// Keys of later features carry x-signet-since (one warning); keys that restrict or protect and do
// nothing yet carry x-signet-refuse, because a server that silently leaves a fence open is worse
// than one that does not start.
constexpr auto kSchemaText = schema_text(R"json({
  "type": "object",
  "required": ["server"],
  "additionalProperties": false,
  "properties": {
    "server": {
      "type": "object",
      "required": ["trust_domain", "data_dir"],
      "additionalProperties": false,
      "properties": {
        "trust_domain": {"type": "string", "description": "the trust domain this server is the authority of, without spiffe://"},
        "data_dir": {"type": "string", "format": "path", "description": "folder for the server's runtime data"},
        "bind_address": {"type": "string", "default": "0.0.0.0", "description": "address of the API for agents"},
        "bind_port": {"type": "integer", "minimum": 0, "maximum": 65535, "default": 8081, "description": "port of the API for agents; 0 takes a free one and logs it"},
        "socket_path": {"type": "string", "format": "path", "default": "/tmp/spire-server/private/api.sock", "description": "admin socket"},
        "admin_ids": {"type": "array", "items": {"type": "string"}, "default": [], "description": "SPIFFE IDs that may call the admin API over the network"},
        "agent_ttl": {"type": "string", "format": "duration", "description": "life of agents' SVIDs; default: default_x509_svid_ttl"},
        "default_x509_svid_ttl": {"type": "string", "format": "duration", "minimum": "1s", "default": "1h"},
        "default_jwt_svid_ttl": {"type": "string", "format": "duration", "minimum": "1s", "default": "5m"},
        "ca_ttl": {"type": "string", "format": "duration", "minimum": "1s", "default": "24h", "description": "life of the server's authorities"},
        "ca_key_type": {"type": "string", "enum": ["rsa-2048", "rsa-4096", "ec-p256", "ec-p384"], "default": "ec-p256"},
        "jwt_key_type": {"type": "string", "enum": ["rsa-2048", "rsa-4096", "ec-p256", "ec-p384"], "description": "default: ca_key_type"},
        "jwt_issuer": {"type": "string", "description": "the iss claim of JWT-SVIDs; default: none"},
        "disable_jwt_svids": {"type": "boolean", "default": false},
        "datastore_task": {"type": "string", "enum": ["check", "migrate", "look", "fill"], "description": "set by `signet server datastore`; not for a file"},
        "spire_import": {
          "type": "object", "additionalProperties": false, "required": ["config_path"], "description": "set by `signet server datastore import-spire`; not for a file",
          "properties": {
            "config_path": {"type": "string", "format": "path"},
            "expand_env": {"type": "boolean", "default": false}
          }
        },
        "activation_wait": {"type": "string", "format": "duration", "minimum": "1s", "default": "10m", "description": "how long at most a prepared authority that is due waits until every server and agent has it"},
        "expired_authority_grace": {"type": "string", "format": "duration", "minimum": "1s", "default": "24h", "description": "how long after its end an authority leaves the bundle"},
        "downstream_max_path": {"type": "integer", "minimum": 0, "maximum": 10, "description": "path length that CA certificates of downstream servers are limited to; default: no limit"},
        "downstream_name_constraints": {"type": "boolean", "default": false, "description": "CA certificates of downstream servers are limited to URIs of the trust domain"},
        "ca_subject": {
          "type": "object", "additionalProperties": false,
          "properties": {
            "country": {"type": "array", "items": {"type": "string"}, "default": []},
            "organization": {"type": "array", "items": {"type": "string"}, "default": []},
            "common_name": {"type": "string", "default": ""}
          }
        },
        "ratelimit": {
          "type": "object", "additionalProperties": false,
          "properties": {
            "attestation": {"type": "boolean", "default": true, "description": "at most one attestation a second and address"},
            "signing": {"type": "boolean", "default": true, "description": "at most 500 signatures a second and agent, or address of who is none"}
          }
        },
        "audit_log_enabled": {"type": "boolean", "default": false, "description": "one log line of type=audit per item of every call"},
        "redact_selectors": {"type": "array", "items": {"type": "string"}, "default": ["docker:env", "k8s:pod-annotation"], "description": "selectors of these kinds are written without their values"},
        "log_level": {"type": "string", "enum": ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "PANIC"], "x-signet-ignore-case": true, "default": "INFO"},
        "log_file": {"type": "string", "format": "path"},
        "log_format": {"type": "string", "enum": ["text", "json"], "x-signet-ignore-case": true, "default": "text"},
        "log_source_location": {"type": "boolean", "default": false, "x-signet-since": "a later release"},
        "max_attested_node_info_staleness": {"type": "string", "format": "duration", "description": "accepted; agent records are never older than the datastore's change log, so 0 holds"},
        "profiling_enabled": {"type": "boolean", "x-signet-since": "a later release"},
        "profiling_port": {"type": "integer", "x-signet-since": "a later release"},
        "profiling_freq": {"type": "integer", "x-signet-since": "a later release"},
        "profiling_names": {"type": "array", "items": {"type": "string"}, "x-signet-since": "a later release"},
        "offline_issuance": {"type": "string", "format": "duration", "default": "15m", "description": "for how long agents are served from memory while the datastore is away; 0 refuses at once"},
        "prune_attested_nodes_expired_for": {"type": "string", "format": "duration", "minimum": "1s", "description": "attested agents whose SVID expired longer ago are deleted; default: they stay"},
        "prune_attested_nodes_batch_size": {"type": "integer", "minimum": 1, "maximum": 100000, "default": 1000, "description": "how many of them at most in an hour"},
        "prune_tofu_nodes": {"type": "boolean", "default": false, "description": "delete agents that cannot attest again, too"},
        "proxy_protocol_trusted_cidrs": {"type": "array", "items": {"type": "string"}, "default": [], "x-signet-refuse": "the PROXY protocol is not spoken yet, so clients' addresses would be the proxy's"},
        "default_svid_ttl": {"type": "string", "format": "duration", "x-signet-refuse": "was removed in SPIRE 1.7: set default_x509_svid_ttl and default_jwt_svid_ttl"},
        "omit_x509svid_uid": {"type": "boolean", "$comment": "dropped by the peer in 1.10", "x-signet-no-effect": "SVIDs carry no uniqueID attribute"},
        "federation": )json",
                                         kFederationSchema, R"json(,
        "experimental": {
          "type": "object", "additionalProperties": false, "x-signet-unknown": "warn",
          "properties": {
            "agent_spiffe_id_as_selector": {"type": "boolean", "default": false, "description": "an attested agent gets the node selector spiffe_id:<its ID>"},
            "auth_opa_policy_engine": {"type": "object", "x-signet-refuse": "Rego policies are not evaluated, and the policy plugin (Lua) that is to take their place does not exist yet; without this block the built-in rules (admin_ids and the like) alone say who may call what"},
            "cache_reload_interval": {"type": "string", "format": "duration", "description": "accepted; entries follow the datastore's change log"},
            "full_cache_reload_interval": {"type": "string", "format": "duration", "description": "accepted; entries follow the datastore's change log"},
            "events_based_cache": {"type": "boolean", "description": "accepted; entries always follow the datastore's change log"},
            "prune_events_older_than": {"type": "string", "format": "duration", "description": "accepted; the change log is bounded by itself"},
            "event_timeout": {"type": "string", "format": "duration", "description": "accepted; the change log has no gaps"},
            "sql_transaction_timeout": {"type": "string", "format": "duration", "description": "accepted; the change log has no gaps"},
            "require_pq_kem": {"type": "boolean", "default": false, "x-signet-refuse": "post-quantum key exchange is not offered by this build's TLS"},
            "wit_key_type": {"type": "string", "enum": ["rsa-2048", "rsa-4096", "ec-p256", "ec-p384"], "description": "default: ca_key_type"},
            "wit_issuer": {"type": "string", "description": "the iss claim of WIT-SVIDs; default: none"},
            "feature_flags": {"type": "array", "items": {"type": "string", "enum": ["wit-svid"]}, "default": [], "description": "wit-svid: WIT-SVIDs are issued"},
            "named_pipe_name": {"type": "string", "x-signet-no-effect": "named pipes exist on Windows only"}
          }
        }
      }
    },
    "telemetry": {
      "type": "object", "additionalProperties": false,
      "properties": )json",
                                         kTelemetryProperties, R"json(
    },
    "health_checks": )json",
                                         kHealthChecksSchema, R"json(
  }
})json");

}  // namespace

const char* const kConfigSchema = kSchemaText.data();

const char kRoleDescription[] = R"json({
  "block": "server",
  "scope": "server",
  "default_config": "conf/server/server.conf",
  "valid_text": "SPIRE server configuration file is valid.",
  "invalid_text": "SPIRE server configuration file is invalid:",
  "share": ["trust_domain", "data_dir", "socket_path", "datastore_task"],
  "types": {
    "DataStore": {"service": "signet.datastore/1", "min": 1, "max": 1, "reread": false},
    "KeyManager": {"service": "signet.key_manager/1", "min": 1, "max": 1},
    "BundlePublisher": {"service": "signet.bundle_publisher/1", "min": 0},
    "Federation": {"service": "signet.bundle_source/1", "min": 0, "max": 1},
    "HealthChecks": {"service": "signet.health_listener/1", "min": 0, "max": 1},
    "NodeAttestor": {"service": "signet.node_attestor.server/1", "min": 0},
    "UpstreamAuthority": {"service": "signet.upstream_authority/1", "min": 0, "max": 1}
  },
  "later": {
    "Notifier": "no Notifier plugin exists yet",
    "CredentialComposer": "no CredentialComposer plugin exists yet"
  },
  "defaults": [
    {"type": "NodeAttestor", "name": "join_token"},
    {"type": "Federation", "name": "https"},
    {"type": "HealthChecks", "name": "http", "settings": "health_checks", "when": "listener_enabled"}
  ],
  "drain_seconds": 10,
  "capabilities": ["net_bind_service"],
  "confine_writes": true
})json";

}  // namespace signet::server
