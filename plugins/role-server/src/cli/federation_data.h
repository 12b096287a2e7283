// Federation relationships as flags and as the files that -data takes:
//   {"federationRelationships": [{"trustDomain": "other.org", "bundleEndpointURL": "https://...",
//    "bundleEndpointProfile": "https_spiffe", "endpointSPIFFEID": "spiffe://other.org/server",
//    "trustDomainBundle": "-----BEGIN ..." or {"keys": ...}, "trustDomainBundleFormat": "pem"}]}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

#include "spire/api/types/federationrelationship.pb.h"

namespace signet::server::cli {

struct RelationshipWords {
  std::string trust_domain{}, url{}, profile{}, endpoint_id{};
  std::string bundle{};       // the text; "" with has_bundle false: none
  std::string bundle_format;  // "pem" or another, which is taken for "spiffe"
  bool has_bundle = false;
};

/// Errors   kInvalidArgument: "trust domain is required", ... What is wrong with the bundle is
///          prefixed by `bundle_problem`
Result<::spire::api::types::FederationRelationship> to_relationship(
    const RelationshipWords& words, const std::string& bundle_problem);

/// Member names are matched without regard to case, unknown ones ignored, null is absent.
/// Errors   kInvalidArgument: "failed to parse JSON: ...", "could not parse item 0: ..."
Result<std::vector<::spire::api::types::FederationRelationship>> read_relationships(
    std::string_view json);

}  // namespace signet::server::cli
