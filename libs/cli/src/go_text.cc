#include "cli/go_text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>

#include "signet/duration.h"
#include "signet/utf8.h"

namespace signet::cli {
namespace {

std::string hex_escape(unsigned char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {'\\', 'x', kDigits[c >> 4], kDigits[c & 15]};
}

std::string strftime_text(const char* format, const std::tm& time) {
  std::array<char, 64> text{};
  return {text.data(), strftime(text.data(), text.size(), format, &time)};
}

}  // namespace

std::string go_quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    std::size_t used = 1;
    constexpr std::string_view kPlain = "\a\b\f\n\r\t\v\\\"";
    constexpr std::string_view kLetters = "abfnrtv\\\"";
    if (const std::size_t at = kPlain.find(text[0]); at != std::string_view::npos) {
      out += '\\';
      out += kLetters[at];
    } else if (c < 0x20 || c == 0x7f) {
      out += hex_escape(c);
    } else if (c < 0x80) {
      out += text[0];
    } else if (used = utf8_length(text); used == 0) {
      used = 1;
      out += hex_escape(c);
    } else {
      out.append(text.substr(0, used));
    }
    text.remove_prefix(used);
  }
  return out + '"';
}

std::string go_code_name(std::int32_t code) {
  constexpr std::string_view kNames[] = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  if (code < 0 || code > 16) return "Code(" + std::to_string(code) + ")";
  return std::string(kNames[code]);
}

std::string go_errno(int error) {
  std::array<char, 128> buffer{};
  // The GNU form: it may answer a static text instead of the buffer.
  std::string text = strerror_r(error, buffer.data(), buffer.size());
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return text;
}

std::string go_time_utc(std::int64_t unix_seconds) {
  const std::time_t seconds = unix_seconds;
  std::tm time{};
  gmtime_r(&seconds, &time);
  return strftime_text("%Y-%m-%d %H:%M:%S +0000 UTC", time);
}

std::string go_time_local(std::int64_t unix_seconds) {
  const std::time_t seconds = unix_seconds;
  std::tm time{};
  localtime_r(&seconds, &time);
  return strftime_text("%Y-%m-%d %H:%M:%S %z %Z", time);
}

std::string rfc3339_utc(std::int64_t unix_seconds) {
  const std::time_t seconds = unix_seconds;
  std::tm time{};
  gmtime_r(&seconds, &time);
  return strftime_text("%Y-%m-%dT%H:%M:%SZ", time);
}

Result<std::chrono::nanoseconds> go_parse_duration(std::string_view text) {
  auto duration = parse_go_duration(text);
  if (duration) return duration;
  // Which of the three errors it is: number and unit in turn, until one of them is wrong.
  const std::string quoted = go_quote(text);
  std::string_view rest = text.substr(text.starts_with('-') || text.starts_with('+') ? 1 : 0);
  while (!rest.empty()) {
    const std::size_t whole = std::min(rest.find_first_not_of("0123456789"), rest.size());
    std::size_t number = whole;
    if (number < rest.size() && rest[number] == '.')
      number = std::min(rest.find_first_not_of("0123456789", number + 1), rest.size());
    if (number == whole + 1 ? whole == 0 : number == 0) break;
    rest.remove_prefix(number);
    const std::size_t length = std::min(rest.find_first_of("0123456789."), rest.size());
    const std::string_view unit = rest.substr(0, length);
    if (unit.empty()) return Status::invalid_argument("time: missing unit in duration " + quoted);
    constexpr std::string_view kUnits[] = {"ns", "us", "\xC2\xB5s", "\xCE\xBCs",
                                           "ms", "s",  "m",         "h"};
    if (std::find(std::begin(kUnits), std::end(kUnits), unit) == std::end(kUnits)) {
      return Status::invalid_argument("time: unknown unit " + go_quote(unit) + " in duration " +
                                      quoted);
    }
    rest.remove_prefix(length);
  }
  return Status::invalid_argument("time: invalid duration " + quoted);
}

Result<std::int64_t> go_parse_int(std::string_view text) {
  const auto malformed = [] { return Status::invalid_argument("parse error"); };
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest.empty()) return malformed();
  unsigned base = 10;
  bool after_digit = false;  // where an underscore may stand
  if (rest[0] == '0' && rest.size() > 1) {
    const char letter = static_cast<char>(rest[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    rest.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
    after_digit = true;
    if (rest.empty()) return malformed();
  }
  std::uint64_t value = 0;
  bool too_big = false;
  for (const char c : rest) {
    if (c == '_') {
      if (!after_digit) return malformed();
      after_digit = false;
      continue;
    }
    const char low = static_cast<char>(c | 0x20);
    const unsigned digit = c >= '0' && c <= '9'       ? static_cast<unsigned>(c - '0')
                           : low >= 'a' && low <= 'f' ? static_cast<unsigned>(low - 'a') + 10
                                                      : 99;
    if (digit >= base) return malformed();
    after_digit = true;
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    if (value > (kMax - digit) / base) too_big = true;
    value = value * base + digit;
  }
  if (!after_digit) return malformed();
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 63;
  if (too_big || value > kLimit || (value == kLimit && !negative)) {
    return Status(Code::kOutOfRange, "value out of range");
  }
  return static_cast<std::int64_t>(negative ? 0 - value : value);
}

Result<std::int32_t> to_int32(std::int64_t value) {
  if (value < std::numeric_limits<std::int32_t>::min() ||
      value > std::numeric_limits<std::int32_t>::max()) {
    return Status(Code::kOutOfRange,
                  "overflow converting int(" + std::to_string(value) + ") to int32");
  }
  return static_cast<std::int32_t>(value);
}

Result<std::int32_t> to_seconds32(std::chrono::nanoseconds duration) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  constexpr std::int64_t kRoom = std::numeric_limits<std::int64_t>::max() - kSecond + 1;
  const std::int64_t seconds = duration.count() > kRoom
                                   ? duration.count() / kSecond + 1
                                   : (duration.count() + kSecond - 1) / kSecond;
  if (auto fits = to_int32(seconds)) return fits;
  // The peer keeps the number of seconds in a duration's type, and so prints it.
  return Status(Code::kOutOfRange, "overflow converting time.Duration(" +
                                       format_go_duration(std::chrono::nanoseconds(seconds)) +
                                       ") to int32");
}

}  // namespace signet::cli
