// Certificates as gRPC's client takes and gives them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace signet::rpc_grpc {

/// One certificate as PEM.
std::string to_pem(std::string_view der);
/// The certificates of a PEM text as DER; empty when one cannot be read.
std::vector<std::string> from_pem(std::string_view pem);

}  // namespace signet::rpc_grpc
