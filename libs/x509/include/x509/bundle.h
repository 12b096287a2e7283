// Bundle: the authorities of one trust domain. A plain value.
#pragma once

#include "x509/certificate.h"

namespace signet::x509 {

struct X509Authority {
  Certificate certificate;
  bool tainted = false;
  bool operator==(const X509Authority&) const = default;
};

struct JwtAuthority {  // also a WIT authority
  std::string key_id;
  Bytes spki;                   // DER
  std::int64_t expires_at = 0;  // Unix seconds; 0: not known
  bool tainted = false;
  bool operator==(const JwtAuthority&) const = default;
};

struct Bundle {
  TrustDomain trust_domain;
  std::vector<X509Authority> x509_authorities;
  std::vector<JwtAuthority> jwt_authorities;
  std::vector<JwtAuthority> wit_authorities;
  std::uint64_t sequence_number = 0;
  std::int64_t refresh_hint = 0;  // seconds; 0: none

  explicit Bundle(TrustDomain domain) : trust_domain(std::move(domain)) {}
  bool empty() const {
    return x509_authorities.empty() && jwt_authorities.empty() && wit_authorities.empty();
  }
  std::vector<Certificate> certificates() const;
  Bytes concatenated_certificates() const;  // as the Workload API sends a bundle
  const JwtAuthority* find_jwt_authority(std::string_view key_id) const;
  bool operator==(const Bundle&) const = default;
};

}  // namespace signet::x509
