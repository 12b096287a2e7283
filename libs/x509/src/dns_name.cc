#include "x509/dns_name.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace signet::x509 {

namespace {

Status refuse(std::string text) { return Status::invalid_argument(std::move(text)); }

// RFC 3492 6.2: true when `text`, what follows "xn--", decodes to a label with a character beyond
// ASCII and no control character. The tables of IDNA are not consulted.
bool is_punycode(std::string_view text) {
  constexpr std::uint32_t kBase = 36, kMin = 1, kMax = 26, kSkew = 38, kDamp = 700;
  const std::size_t delimiter = text.rfind('-');
  std::uint32_t length = 0;  // of the label decoded so far
  if (delimiter != std::string_view::npos) {
    length = static_cast<std::uint32_t>(delimiter);
    text.remove_prefix(delimiter + 1);
  }
  if (text.empty()) return false;
  std::uint32_t n = 128;
  std::uint32_t bias = 72;
  std::uint64_t i = 0;
  for (bool first = true; !text.empty(); first = false) {
    const std::uint64_t old = i;
    std::uint64_t weight = 1;
    for (std::uint32_t k = kBase;; k += kBase) {
      if (text.empty()) return false;
      const char c = text.front();
      text.remove_prefix(1);
      const std::uint32_t digit = c >= 'a' && c <= 'z'   ? static_cast<std::uint32_t>(c - 'a')
                                  : c >= '0' && c <= '9' ? static_cast<std::uint32_t>(c - '0') + 26
                                                         : kBase;
      if (digit >= kBase) return false;
      i += digit * weight;
      if (i > 0x7fffffff) return false;
      const std::uint32_t t = k <= bias ? kMin : std::min(k - bias, kMax);
      if (digit < t) break;
      weight *= kBase - t;
      if (weight > 0x7fffffff) return false;
    }
    ++length;
    std::uint64_t delta = (i - old) / (first ? kDamp : 2);
    delta += delta / length;
    std::uint32_t k = 0;
    for (; delta > (kBase - kMin) * kMax / 2; k += kBase) delta /= kBase - kMin;
    bias = k + static_cast<std::uint32_t>((kBase - kMin + 1) * delta / (delta + kSkew));
    if (i / length > 0x10ffff) return false;
    n += static_cast<std::uint32_t>(i / length);
    i = i % length + 1;
    if (n < 0xa0 || n > 0x10ffff || (n >= 0xd800 && n < 0xe000)) return false;
  }
  return true;
}

Status check_without_wildcard(std::string_view name) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  if (std::all_of(name.begin(), name.end(), blank)) return refuse("empty or only whitespace");
  if (name.ends_with('.')) return refuse("domain ends with dot");
  if (name.size() > 253) return refuse("idna error: name is longer than 253 bytes");
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view label = name.substr(begin, end - begin);
    if (label.empty()) return refuse("idna error: label is empty");
    if (label.size() > 63) return refuse("idna error: label is longer than 63 bytes");
    if (label.front() == '-' || label.back() == '-') {
      return refuse("idna error: label begins or ends with a hyphen");
    }
    if (label.size() > 3 && label[2] == '-' && label[3] == '-') {
      const bool encoded = label.starts_with("xn--") && is_punycode(label.substr(4));
      if (!encoded) return refuse("idna error: hyphens in third and fourth place");
    }
    // The peer lets any ASCII through here, a NUL or a slash too. Such a name can only mislead
    // whoever reads the certificate.
    for (char c : label) {
      const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (!good) return refuse("idna error: character that a domain name cannot have");
    }
    begin = end + 1;
  }
  return {};
}

}  // namespace

Status check_dns_name(std::string_view name) {
  for (char c : name) {
    if (static_cast<unsigned char>(c) >= 0x80) return refuse("name must be ascii");
  }
  const auto stars = std::count(name.begin(), name.end(), '*');
  if (stars > 1) return refuse("too many wildcards");
  if (stars == 1) {
    if (!name.starts_with("*.")) return refuse("wildcard must be first label");
    name.remove_prefix(2);
  }
  return check_without_wildcard(name);
}

Status check_wildcard_overlap(std::span<const std::string> names) {
  const std::set<std::string_view> all(names.begin(), names.end());
  for (std::string_view name : all) {
    if (name.starts_with('*')) continue;
    const std::size_t dot = name.find('.');
    const std::string wildcard =
        dot == std::string_view::npos ? "*" : "*" + std::string(name.substr(dot));
    if (all.contains(wildcard)) {
      return refuse("name \"" + std::string(name) +
                    "\" overlaps with an existing wildcard name in the list: wildcard overlap");
    }
  }
  return {};
}

}  // namespace signet::x509
