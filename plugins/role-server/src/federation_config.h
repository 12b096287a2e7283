// FederationConfig: the server's `federation` block, typed. The names are the peer's;
// allow_private_endpoints is ours.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "signet/bundle_endpoint.h"
#include "signet/spiffe_id.h"

namespace signet::server {

// A foreign trust domain and where its bundle comes from.
struct FederatedDomain {
  std::string trust_domain;  // the bare name
  std::string url;
  std::string endpoint_id;  // "": https_web
  bool operator==(const FederatedDomain&) const = default;
};

struct FederationConfig {
  std::optional<EndpointOptions> endpoint;
  std::chrono::seconds refresh_hint{300};
  std::vector<FederatedDomain> federates_with;  // these win over those of the API
  bool allow_private_endpoints = false;

  /// `block`: satisfies the schema. What does not stop the server goes to `warnings`.
  /// Errors   kInvalidArgument, with the key's path in the message and, as field `pointer`, its
  ///          JSON pointer
  static Result<FederationConfig> from_json(const nlohmann::json& block, const TrustDomain& own,
                                            std::vector<std::string>& warnings);
};

/// The schema of the block.
inline constexpr char kFederationSchema[] = R"json({
  "type": "object", "additionalProperties": false,
  "properties": {
    "bundle_endpoint": {
      "type": "object", "additionalProperties": false,
      "properties": {
        "address": {"type": "string", "default": "0.0.0.0", "description": "IP address of the bundle endpoint"},
        "port": {"type": "integer", "minimum": 0, "maximum": 65535, "default": 443, "description": "0 takes a free one and logs it"},
        "refresh_hint": {"type": "string", "format": "duration", "minimum": "1s", "default": "5m", "description": "how often others are told to fetch our bundle"},
        "acme": {"type": "object", "x-signet-refuse": "ACME is not spoken; let a client of your choice keep the files of profile \"https_web\" { serving_cert_file { } }"},
        "profile": {
          "type": "object", "additionalProperties": false,
          "oneOf": [{"required": ["https_spiffe"]}, {"required": ["https_web"]}],
          "properties": {
            "https_spiffe": {"type": "object", "additionalProperties": false, "properties": {}, "description": "the server's own SVID is shown"},
            "https_web": {
              "type": "object", "additionalProperties": false,
              "properties": {
                "acme": {"type": "object", "x-signet-refuse": "ACME is not spoken; let a client of your choice keep the files of serving_cert_file { }"},
                "serving_cert_file": {
                  "type": "object", "additionalProperties": false, "required": ["cert_file_path", "key_file_path"],
                  "properties": {
                    "cert_file_path": {"type": "string", "format": "path", "description": "PEM, the leaf first"},
                    "key_file_path": {"type": "string", "format": "path", "description": "PEM, not encrypted"},
                    "file_sync_interval": {"type": "string", "format": "duration", "default": "1h", "description": "how often the files are looked at; 0s is 1h"}
                  }
                }
              }
            }
          }
        }
      }
    },
    "federates_with": {
      "type": "object",
      "additionalProperties": {
        "type": "object", "additionalProperties": false, "x-signet-unknown": "warn", "required": ["bundle_endpoint_url", "bundle_endpoint_profile"],
        "properties": {
          "bundle_endpoint_url": {"type": "string", "description": "https, without a user"},
          "bundle_endpoint_profile": {
            "type": "object", "additionalProperties": false,
            "oneOf": [{"required": ["https_spiffe"]}, {"required": ["https_web"]}],
            "properties": {
              "https_web": {"type": "object", "additionalProperties": false, "properties": {}},
              "https_spiffe": {
                "type": "object", "additionalProperties": false, "required": ["endpoint_spiffe_id"],
                "properties": {"endpoint_spiffe_id": {"type": "string", "description": "SPIFFE ID that the endpoint must show"}}
              }
            }
          }
        }
      }
    },
    "allow_private_endpoints": {"type": "boolean", "default": false, "description": "bundle endpoints at loopback and link-local addresses are asked"}
  }
})json";

}  // namespace signet::server
