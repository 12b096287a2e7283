// google.rpc.Status {1: code, 2: message, 3: repeated Any} by hand: the value of gRPC's
// grpc-status-details-bin trailer. Two fields and one nesting need no protobuf runtime.
#pragma once

#include <string>
#include <string_view>

namespace signet::rpc_grpc {

/// `any`: an encoded google.protobuf.Any.
std::string encode_status_details(int code, std::string_view message, std::string_view any);
/// The first encoded Any, or "" when there is none or the bytes are malformed. Never throws.
std::string first_detail(std::string_view status_details);

}  // namespace signet::rpc_grpc
