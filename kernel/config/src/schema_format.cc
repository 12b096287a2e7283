// The formats that every configuration needs: duration, path, url, size.
#include <limits>

#include "signet/duration.h"

#include "ascii.h"
#include "number.h"
#include "schema_rule.h"

namespace signet::config {
namespace {

// "512", "64KiB", "4M": a whole number of bytes, of 1024s (K, KiB, M, MiB, G, GiB) or of
// 1000s (KB, MB, GB).
std::optional<std::int64_t> parse_size(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  if (digits == 0 || (digits > 1 && text[0] == '0')) return {};
  const auto count = parse_integer(text.substr(0, digits));
  const std::string unit = lower(text.substr(digits));
  if (!count) return {};
  if (unit.empty() || unit == "b") return count;
  const bool decimal = unit.substr(1) == "b";
  if (!decimal && unit.substr(1) != "ib" && unit.size() != 1) return {};
  const std::size_t power = std::string_view("kmgt").find(unit[0]);
  if (power == std::string_view::npos) return {};
  std::int64_t scale = 1;
  for (std::size_t i = 0; i <= power; ++i) scale *= decimal ? 1000 : 1024;
  if (*count > std::numeric_limits<std::int64_t>::max() / scale) return {};
  return *count * scale;
}

// scheme://something, without blanks (RFC 3986, 3.1 for the scheme).
bool is_url(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == text.npos || colon == 0 || colon + 3 == text.size() || !is_letter(text[0])) {
    return false;
  }
  for (const char c : text.substr(0, colon)) {
    if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return false;
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7F) return false;
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> measure(std::string_view format, std::string_view text) {
  if (format == "size") return parse_size(text);
  if (format != "duration") return {};
  const auto duration = parse_go_duration(text);
  if (!duration.ok()) return {};
  return duration->count();
}

std::optional<std::string> check_builtin_format(std::string_view format, std::string_view text) {
  if (format == "duration") {
    return measure(format, text) ? "" : "is not a duration such as \"1h30m\" or \"500ms\"";
  }
  if (format == "size") return measure(format, text) ? "" : "is not a size such as \"64KiB\"";
  if (format == "path") {
    return text.find('\0') == text.npos && text.size() < 4096 ? "" : "is not a path";
  }
  if (format == "url") return is_url(text) ? "" : "is not a URL such as \"https://host/path\"";
  return {};
}

}  // namespace signet::config
