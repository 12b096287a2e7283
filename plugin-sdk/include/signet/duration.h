// Durations as Go writes them: "1h30m", "500ms", "1.5h", "-2s", "0".
//
// Every duration of a configuration file and of the command line has this form, so the
// kernel's checker, the roles and the plugins read it with the same code.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet {

namespace duration_internal {

/// Nanoseconds of the unit at the front of `text`, whose length goes to `length`; 0: no unit.
constexpr std::uint64_t unit_at(std::string_view text, std::size_t& length) {
  struct Unit {
    std::string_view name;
    std::uint64_t nanoseconds;
  };
  // Longer names first, so that "ms" is not read as "m". Both micro signs, U+00B5 and U+03BC.
  constexpr Unit kUnits[] = {
      {"ns", 1},         {"us", 1'000},        {"\xC2\xB5s", 1'000},  {"\xCE\xBCs", 1'000},
      {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};
  for (const Unit& unit : kUnits) {
    if (text.substr(0, unit.name.size()) == unit.name) {
      length = unit.name.size();
      return unit.nanoseconds;
    }
  }
  return 0;
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace duration_internal

/// Reads `text` by the rules of Go's time.ParseDuration: an optional sign, then one or more
/// decimal numbers, each with a unit (ns us ms s m h); "0" needs no unit.
/// Errors   kInvalidArgument: another form, or more than about 292 years
inline Result<std::chrono::nanoseconds> parse_go_duration(std::string_view text) {
  const auto bad = [&] {
    return Status::invalid_argument("invalid duration \"" + std::string(text.substr(0, 64)) + "\"");
  };
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 63;
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return std::chrono::nanoseconds(0);
  if (rest.empty()) return bad();
  std::uint64_t total = 0;
  while (!rest.empty()) {
    std::uint64_t whole = 0;
    std::size_t digits = 0;
    for (; digits < rest.size() && duration_internal::is_digit(rest[digits]); ++digits) {
      const auto digit = static_cast<std::uint64_t>(rest[digits] - '0');
      if (whole > (kLimit - digit) / 10) return bad();
      whole = whole * 10 + digit;
    }
    rest.remove_prefix(digits);
    // The fraction keeps as many digits as fit; what is beyond is less than a nanosecond.
    std::uint64_t fraction = 0;
    double scale = 1;
    if (!rest.empty() && rest[0] == '.') {
      rest.remove_prefix(1);
      std::size_t more = 0;
      bool full = false;
      for (; more < rest.size() && duration_internal::is_digit(rest[more]); ++more) {
        const auto digit = static_cast<std::uint64_t>(rest[more] - '0');
        if (full || fraction > (kLimit - 1 - digit) / 10) {
          full = true;
          continue;
        }
        fraction = fraction * 10 + digit;
        scale *= 10;
      }
      rest.remove_prefix(more);
      digits += more;
    }
    if (digits == 0) return bad();
    std::size_t unit_length = 0;
    const std::uint64_t unit = duration_internal::unit_at(rest, unit_length);
    if (unit == 0) return bad();
    rest.remove_prefix(unit_length);
    // A unit ends where the next number begins: "1sx" and "1hours" are not durations.
    if (!rest.empty() && !duration_internal::is_digit(rest[0]) && rest[0] != '.') return bad();
    if (whole > kLimit / unit) return bad();
    std::uint64_t value = whole * unit;
    if (fraction > 0) {
      value += static_cast<std::uint64_t>(static_cast<double>(fraction) *
                                          (static_cast<double>(unit) / scale));
    }
    if (value > kLimit - total) return bad();
    total += value;
  }
  if (!negative && total == kLimit) return bad();
  if (!negative) return std::chrono::nanoseconds(static_cast<std::int64_t>(total));
  if (total == kLimit) return std::chrono::nanoseconds(std::numeric_limits<std::int64_t>::min());
  return std::chrono::nanoseconds(-static_cast<std::int64_t>(total));
}

/// Writes as Go's Duration.String does: "1h30m0s", "1.5s", "500ms", "0s".
inline std::string format_go_duration(std::chrono::nanoseconds duration) {
  const std::int64_t signed_count = duration.count();
  const bool negative = signed_count < 0;
  const std::uint64_t count = negative ? 0 - static_cast<std::uint64_t>(signed_count)
                                       : static_cast<std::uint64_t>(signed_count);
  if (count == 0) return "0s";
  const auto decimal = [](std::uint64_t value, std::uint64_t unit) {
    std::string out = std::to_string(value / unit);
    if (std::uint64_t part = value % unit; part != 0) {
      std::string digits = std::to_string(part + unit).substr(1);  // keeps leading zeros
      digits.erase(digits.find_last_not_of('0') + 1);
      out += "." + digits;
    }
    return out;
  };
  std::string out = negative ? "-" : "";
  if (count < 1'000) return out + std::to_string(count) + "ns";
  if (count < 1'000'000) return out + decimal(count, 1'000) + "\xC2\xB5s";
  if (count < 1'000'000'000) return out + decimal(count, 1'000'000) + "ms";
  const std::uint64_t minutes = count / 60'000'000'000;
  if (minutes >= 60) out += std::to_string(minutes / 60) + "h";
  if (minutes > 0) out += std::to_string(minutes % 60) + "m";
  return out + decimal(count % 60'000'000'000, 1'000'000'000) + "s";
}

}  // namespace signet
