// JSON from outside: bounded in size and depth, duplicate member names refused, UTF-8 checked.
// And the one way we print it: as Go's encoding/json does.
#pragma once

#include <nlohmann/json.hpp>

#include "signet/status.h"

namespace signet::x509 {

inline constexpr std::size_t kMaxJsonDepth = 32;

/// Errors   kInvalidArgument
Result<nlohmann::json> parse_strict_json(std::string_view text, std::size_t max_bytes);

/// `indent` spaces per level, or -1 for none. <, > and & are written as \u003c, \u003e and \u0026
/// and bad UTF-8 as U+FFFD, as Go does.
std::string print_json(const nlohmann::json& value, int indent);
std::string print_json(const nlohmann::ordered_json& value, int indent);

}  // namespace signet::x509
