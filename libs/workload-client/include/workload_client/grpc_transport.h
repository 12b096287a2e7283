// A Transport over gRPC. Link signet::workload-client-grpc.
#pragma once

#include "workload_client/transport.h"

namespace signet::workload_client {

/// target: as endpoint_target() gives it. Connects with the first call.
std::unique_ptr<Transport> make_grpc_transport(const std::string& target);

}  // namespace signet::workload_client
