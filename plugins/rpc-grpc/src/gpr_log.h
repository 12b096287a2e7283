// gRPC's own log, which goes to standard error by itself, into the host's.
#pragma once

#include "signet/host.h"

namespace signet::rpc_grpc {

/// From now on lines go to `host` (errors as warnings, the rest at debug); nullptr drops them.
void route_gpr_log(const Host* host);

}  // namespace signet::rpc_grpc
