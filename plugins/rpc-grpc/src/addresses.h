// What a name stands for: every address behind it, in the order in which a channel tries them.
#pragma once

#include <string>
#include <vector>

#include "signet/status.h"

#include "options.h"

namespace signet::rpc_grpc {

/// Looks up the names of a kDns endpoint, in a random order, so that callers spread over the
/// addresses; where names have addresses of both families, those the system prefers come first.
/// Numeric, IPv4 in IPv6's form. A name that is not known is left out as long as another one is.
/// Blocks, as long as name servers take.
/// Errors   kUnavailable, naming what could not be looked up
Result<std::vector<std::string>> look_up(const Endpoint& endpoint);

/// Addresses as gRPC's target.
std::string target_of(const std::vector<std::string>& addresses, uint16_t port);

}  // namespace signet::rpc_grpc
