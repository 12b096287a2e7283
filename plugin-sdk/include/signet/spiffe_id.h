// TrustDomain and SpiffeId: the name of a domain and of one workload, agent or server in it.
//
// One that exists is valid. parse() is the only way in, so code that holds one
// never checks it again. Immutable; copy and share freely.
//
//   auto id = SpiffeId::parse("spiffe://example.org/ns/shop/sa/cart");
//   id->trust_domain().name() == "example.org"    id->path() == "/ns/shop/sa/cart"
//
// Source: SPIFFE-ID 2 (syntax), 2.3 (length). Numbers in the body are those of the
// list that plugin-sdk/test/spiffe_id_conformance_test.cc goes through.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet {

class TrustDomain {
 public:
  static constexpr std::size_t kMaxLength = 255;

  /// Reads a bare name, "example.org". A-Z is refused: nothing is normalised.
  /// Errors   kInvalidArgument; field `rule` names the first rule broken:
  ///          "trust_domain_empty", "trust_domain_char", "trust_domain_length"
  static Result<TrustDomain> parse(std::string_view name) {
    if (name.empty()) return broken("trust_domain_empty", "trust domain is missing");
    if (name.size() > kMaxLength) {
      return broken("trust_domain_length", "trust domain is longer than 255 bytes");
    }
    for (char c : name) {
      const bool good =
          (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
      if (!good) {
        return broken("trust_domain_char",
                      "trust domain characters are limited to lowercase letters, numbers, dots, "
                      "dashes, and underscores");
      }
    }
    return TrustDomain(std::string(name));
  }
  /// Reads a bare name or any SPIFFE ID in the domain ("spiffe://example.org", ".../path").
  static Result<TrustDomain> parse_name_or_id(std::string_view text);

  const std::string& name() const { return name_; }
  std::string id_string() const { return "spiffe://" + name_; }  // "spiffe://example.org"
  auto operator<=>(const TrustDomain&) const = default;

 private:
  friend class SpiffeId;
  explicit TrustDomain(std::string name) : name_(std::move(name)) {}
  static Status broken(const char* rule, const char* text) {
    return Status::invalid_argument(text).with("rule", rule);
  }
  std::string name_;
};

class SpiffeId {
 public:
  static constexpr std::size_t kMaxLength = 2048;  // bytes, whole URI

  /// Reads `uri` as a SPIFFE ID. What parses prints back byte for byte.
  /// uri      at most kMaxLength bytes, for example "spiffe://example.org/a/b"
  /// Errors   kInvalidArgument; field `rule` names the first rule broken: "empty", "length",
  ///          "scheme", one of TrustDomain's or of check_path's
  static Result<SpiffeId> parse(std::string_view uri) {
    constexpr std::string_view kScheme = "spiffe://";
    if (uri.empty()) return broken("empty", "cannot be empty");
    if (uri.size() > kMaxLength) return broken("length", "SPIFFE ID is longer than 2048 bytes");
    if (!uri.starts_with(kScheme)) return broken("scheme", "scheme is missing or invalid");
    const std::string_view rest = uri.substr(kScheme.size());
    const std::size_t slash = rest.find('/');
    auto trust_domain = TrustDomain::parse(rest.substr(0, slash));
    if (!trust_domain) return trust_domain.status();
    const std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
    SIGNET_RETURN_IF_ERROR(check_path(path));
    return SpiffeId(std::string(uri), kScheme.size() + trust_domain->name().size());
  }

  /// Joins a trust domain and a path ("" or "/a/b").
  static Result<SpiffeId> make(const TrustDomain& trust_domain, std::string_view path) {
    SIGNET_RETURN_IF_ERROR(check_path(path));
    std::string uri = trust_domain.id_string();
    const std::size_t at = uri.size();
    uri.append(path);
    if (uri.size() > kMaxLength) return broken("length", "SPIFFE ID is longer than 2048 bytes");
    return SpiffeId(std::move(uri), at);
  }

  /// "" or "/seg/seg": no empty, "." or ".." segment, no trailing slash, [A-Za-z0-9._-] only.
  /// Errors   kInvalidArgument; `rule`: "no_leading_slash", "empty_segment", "dot_segment",
  ///          "trailing_slash", "path_char"
  static Status check_path(std::string_view path) {
    if (path.empty()) return {};
    if (path.front() != '/') return broken("no_leading_slash", "path must have a leading slash");
    std::size_t begin = 1;
    while (true) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      const std::string_view segment = path.substr(begin, end - begin);
      if (segment.empty()) {
        return end == path.size() ? broken("trailing_slash", "path cannot have a trailing slash")
                                  : broken("empty_segment", "path cannot contain empty segments");
      }
      if (segment == "." || segment == "..") {
        return broken("dot_segment", "path cannot contain dot segments");
      }
      for (char c : segment) {
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        if (!good) {
          return broken("path_char",
                        "path segment characters are limited to letters, numbers, dots, dashes, "
                        "and underscores");
        }
      }
      if (end == path.size()) return {};
      begin = end + 1;
    }
  }

  TrustDomain trust_domain() const { return TrustDomain(std::string(trust_domain_name())); }
  std::string_view trust_domain_name() const {
    return std::string_view(uri_).substr(9, path_at_ - 9);
  }
  std::string_view path() const { return std::string_view(uri_).substr(path_at_); }
  const std::string& to_string() const { return uri_; }
  bool member_of(const TrustDomain& td) const { return trust_domain_name() == td.name(); }

  bool operator==(const SpiffeId& other) const { return uri_ == other.uri_; }
  auto operator<=>(const SpiffeId& other) const { return uri_ <=> other.uri_; }

 private:
  SpiffeId(std::string uri, std::size_t path_at) : uri_(std::move(uri)), path_at_(path_at) {}
  static Status broken(const char* rule, const char* text) {
    return Status::invalid_argument(text).with("rule", rule);
  }
  std::string uri_;
  std::size_t path_at_;  // index of the path's first byte
};

inline Result<TrustDomain> TrustDomain::parse_name_or_id(std::string_view text) {
  if (text.find(":/") == std::string_view::npos) return parse(text);
  SIGNET_TRY(const SpiffeId id, SpiffeId::parse(text));
  return id.trust_domain();
}

}  // namespace signet
