#include "x509/dns_name.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace signet::x509 {

namespace {

Status refuse(std::string text) { return Status::invalid_argument(std::move(text)); }

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
