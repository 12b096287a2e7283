// Trust bundles as PEM and as SPIFFE documents, out and in.
#pragma once

#include <string>

#include "signet/status.h"

#include "spire/api/types/bundle.pb.h"

namespace signet::server::cli {

/// "pem" or "spiffe" for a -format in any case; "" is "pem".
/// Errors   kInvalidArgument: invalid format: "der"
Result<std::string> bundle_format(const std::string& flag);

/// format    as the flag has it
/// header    a box with the trust domain's name in front
Result<std::string> bundle_text(const ::spire::api::types::Bundle& bundle,
                                const std::string& format, bool header);

/// id        the trust domain's name or ID
/// format    "pem" or "spiffe"
Result<::spire::api::types::Bundle> read_bundle(const std::string& text, const std::string& format,
                                                const std::string& id);

}  // namespace signet::server::cli
