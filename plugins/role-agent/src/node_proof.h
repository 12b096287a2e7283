// The node attestor plugin, as the proof that an attestation shows.
#pragma once

#include <memory>

#include "signet/host.h"

#include "server_api.h"

namespace signet::agent {

/// join_token: the join token's attestor, since a token was given; else the configured one.
/// Errors   kFailedPrecondition: no such plugin, or its settings cannot lead to a proof (a join
///          token that was not given): trying again does not help. Others are the plugin's own.
Result<std::unique_ptr<NodeProof>> open_node_proof(const Host& host, bool join_token);

}  // namespace signet::agent
