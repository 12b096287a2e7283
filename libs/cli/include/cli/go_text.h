// Values as the peer's commands print them: its language's quoting, times and error texts.
// Scripts compare these, so they are part of the interface.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::cli {

/// A string in double quotes with escapes, as %q gives it.
std::string go_quote(std::string_view text);
/// "InvalidArgument"; "Code(99)" for a number outside gRPC's.
std::string go_code_name(std::int32_t code);
/// "no such file or directory" for ENOENT.
std::string go_errno(int error);

/// "2100-01-01 00:00:00 +0000 UTC"
std::string go_time_utc(std::int64_t unix_seconds);
/// The same in the zone of TZ: "2099-12-31 19:00:00 -0500 EST"
std::string go_time_local(std::int64_t unix_seconds);
/// "2100-01-01T00:00:00Z"
std::string rfc3339_utc(std::int64_t unix_seconds);
/// Checks a date of the form "2006-01-02 15:04:05 -0700 -07".
/// Errors   kInvalidArgument: parsing time "x" as "...": cannot parse "x" as "2006"
Status check_agent_date(std::string_view text);

/// A duration as a flag that explains itself reads it.
/// Errors   kInvalidArgument: time: missing unit in duration "5"
Result<std::chrono::nanoseconds> go_parse_duration(std::string_view text);
/// Reads a decimal, 0x, 0o, 0b or 0-octal number with an optional sign and underscores between
/// digits. Errors   kInvalidArgument "parse error", kOutOfRange "value out of range"
Result<std::int64_t> go_parse_int(std::string_view text);
/// Errors   kOutOfRange: overflow converting int(5000000000) to int32
Result<std::int32_t> to_int32(std::int64_t value);
/// Whole seconds, rounded up. Errors   kOutOfRange
Result<std::int32_t> to_seconds32(std::chrono::nanoseconds duration);

/// "1 entry", "2 entries": `count` and the word that goes with it.
inline std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

}  // namespace signet::cli
