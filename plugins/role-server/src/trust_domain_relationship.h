// Federation relationships as clients send them: checked, normalised, masked.
#pragma once

#include <string_view>

#include "signet/status.h"

#include "spire/api/types/federationrelationship.pb.h"

namespace signet::server {

/// Rules for the URL of a bundle endpoint (SPIFFE Federation 5.2): https, a host, no user.
/// Errors   kInvalidArgument: "bundle endpoint URL must use the https scheme", ...
Status check_endpoint_url(std::string_view url);

/// The whole message is checked, whatever mask comes with it. Trust domains come out bare.
/// Errors   kInvalidArgument
Result<spire::api::types::FederationRelationship> relationship_from_client(
    const spire::api::types::FederationRelationship& given);

/// A null mask keeps everything; the trust domain is always kept.
void apply_mask(spire::api::types::FederationRelationship& relationship,
                const spire::api::types::FederationRelationshipMask* mask);

}  // namespace signet::server
