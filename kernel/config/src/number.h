// Numbers as they are written in configuration files.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace signet::config {

/// An integer in Go's base-0 notation: 12, -12, 0x1f, 0640 and 0o640 (octal), 0b11.
/// Empty when it is something else or does not fit int64.
std::optional<std::int64_t> parse_integer(std::string_view text);
/// A decimal number with fraction and exponent. Empty when it is something else or infinite.
std::optional<double> parse_double(std::string_view text);

}  // namespace signet::config
