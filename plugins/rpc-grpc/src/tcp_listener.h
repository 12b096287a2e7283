// Binding a TCP address, and what an accepted connection needs.
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

struct TcpPeer {
  std::string ip;       // "192.0.2.1" or "2001:db8::1"; an IPv4 address in IPv6's clothes as IPv4
  std::string address;  // "192.0.2.1:4711" or "[2001:db8::1]:4711"
};

/// Who is at the other end. Errors: kUnavailable: nobody any more.
Result<TcpPeer> tcp_peer(int fd);

/// Small messages go out at once, and a peer that is gone is noticed.
void tune_tcp(int fd);

}  // namespace signet::rpc_grpc
