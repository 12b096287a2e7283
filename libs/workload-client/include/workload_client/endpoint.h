// Where the Workload API is. Source: SPIFFE Workload Endpoint 4 (locating the endpoint).
#pragma once

#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::workload_client {

/// Checks an endpoint URI: "unix:///path" or "unix:/path" with an absolute path and nothing else,
/// or "tcp://IP:port" and nothing else. Gives the form that gRPC dials: "unix:/path",
/// "ipv4:1.2.3.4:80". Errors   kInvalidArgument
Result<std::string> endpoint_target(std::string_view uri);

/// endpoint_target() of the variable SPIFFE_ENDPOINT_SOCKET. Errors   kFailedPrecondition: not set
Result<std::string> endpoint_from_environment();

}  // namespace signet::workload_client
