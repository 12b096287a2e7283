// Binding a TCP address, and the text of a peer's.
#pragma once

#include <cstdint>
#include <string>

#include <sys/socket.h>

#include "signet/status.h"

#include "options.h"

namespace signet::rpc_grpc {

/// The descriptor, bound and not yet listening; `port` gets its number.
/// Errors: kInvalidArgument: not an IP address; kFailedPrecondition naming address and cause.
Result<int> bind_tcp(const Endpoint& endpoint, uint16_t* port);

/// "192.0.2.1" or "2001:db8::1"; an IPv4 address in IPv6's clothes as IPv4. "" for other families.
std::string ip_of(const sockaddr_storage& address, uint16_t* port);

}  // namespace signet::rpc_grpc
