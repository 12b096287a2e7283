// gRPC server reflection, without a transport: bytes of a question in, bytes of the answer out.
//
// Descriptors come from the generated pool, that is from every .proto file of this library and
// the well-known types. Source: grpc/reflection/v1 and v1alpha; the two differ in name only.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::proto {

enum class ReflectionVersion { kV1, kV1Alpha };

/// The method that a transport serves, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".
std::string_view reflection_method(ReflectionVersion version);

/// Answers one ServerReflectionRequest of the stream.
/// services   fully qualified names offered on this socket; listed sorted, each once
/// request    an encoded ServerReflectionRequest
/// Returns    an encoded ServerReflectionResponse. A name that is not known is such an answer
///            too: an error_response with NOT_FOUND.
/// Errors     kInvalidArgument when `request` is not the message, or asks nothing; the stream
///            ends with it. Thread-safe.
Result<std::string> answer_reflection(ReflectionVersion version,
                                      std::span<const std::string> services,
                                      std::string_view request);

}  // namespace signet::proto
