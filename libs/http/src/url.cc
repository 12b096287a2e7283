#include "http/url.h"

#include <algorithm>
#include <string>

namespace signet::http {
namespace {

Status broken(const char* rule, std::string text) {
  return Status::invalid_argument(std::move(text)).with("rule", rule);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Stricter than RFC 3986: names that need escapes, and characters on which readers of URLs differ,
// are not names of bundle endpoints.
Status check_host(std::string_view host, std::string_view url) {
  const auto syntax = [&](std::string_view what) {
    return broken("syntax", "parse \"" + std::string(url) + "\": " + std::string(what));
  };
  std::string_view port;
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) return syntax("missing ']' in host");
    const std::string_view address = host.substr(1, end - 1);
    const bool good = !address.empty() && std::all_of(address.begin(), address.end(), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
             c == '.';
    });
    if (!good) return syntax("invalid IPv6 address in host");
    port = host.substr(end + 1);
  } else {
    const std::size_t colon = host.find(':');
    const std::string_view name = host.substr(0, colon);
    for (const char c : name) {
      if (!is_letter(c) && !is_digit(c) && c != '.' && c != '-' && c != '_') {
        return syntax("invalid character \"" + std::string(1, c) + "\" in host name");
      }
    }
    if (colon != std::string_view::npos) port = host.substr(colon);
  }
  if (port.empty()) return {};
  const std::string_view digits = port.substr(1);
  const bool number = port[0] == ':' && std::all_of(digits.begin(), digits.end(), is_digit);
  if (!number || digits.size() > 5 || (!digits.empty() && std::stoi(std::string(digits)) > 65535)) {
    return syntax("invalid port \"" + std::string(port) + "\" after host");
  }
  return {};
}

}  // namespace

Status check_https_url(std::string_view url) {
  if (url.size() > kMaxUrlBytes) return broken("syntax", "the URL is too long");
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= 0x1f || c == 0x7f) {
      return broken("syntax", "net/url: invalid control character in URL");
    }
  }
  constexpr std::string_view kScheme = "https:";
  const bool https = url.size() >= kScheme.size() &&
                     std::equal(kScheme.begin(), kScheme.end(), url.begin(), [](char a, char b) {
                       return a == b || (is_letter(b) && a == static_cast<char>(b | 0x20));
                     });
  if (!https) return broken("scheme", "must use the https scheme");
  const std::string_view rest = url.substr(kScheme.size());
  const std::string_view authority =
      rest.starts_with("//") ? rest.substr(2, rest.find_first_of("/?#", 2) - 2) : "";
  const std::size_t at = authority.rfind('@');
  const std::string_view host = at == std::string_view::npos ? authority : authority.substr(at + 1);
  const std::string_view user = at == std::string_view::npos ? "" : authority.substr(0, at);
  const bool plain = std::all_of(user.begin(), user.end(), [](char c) {
    return is_letter(c) || is_digit(c) ||
           std::string_view("-._:~!$&'()*+,;=%@").find(c) != std::string_view::npos;
  });
  if (!plain) return broken("syntax", "net/url: invalid userinfo");
  if (host.empty()) return broken("host", "must specify the host");
  if (at != std::string_view::npos) return broken("user", "must not contain user info");
  SIGNET_RETURN_IF_ERROR(check_host(host, url));
  for (const char c : rest) {
    if (static_cast<unsigned char>(c) >= 0x80 || c == ' ' || c == '\\') {
      return broken("syntax", "the URL has a character that must be escaped");
    }
  }
  return {};
}

}  // namespace signet::http
