// Attested agents as text for people.
#pragma once

#include <string>

#include "signet/status.h"

#include "spire/api/types/agent.pb.h"

namespace signet::server::cli {

/// One block of "Name : value" lines with an empty line at its end; times in the local zone.
/// Errors   kInvalidArgument: the server sent something that is no SPIFFE ID
Result<std::string> agent_text(const ::spire::api::types::Agent& agent);

}  // namespace signet::server::cli
