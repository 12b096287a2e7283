#include "x509/bundle.h"

namespace signet::x509 {

std::vector<Certificate> Bundle::certificates() const {
  std::vector<Certificate> all;
  all.reserve(x509_authorities.size());
  for (const X509Authority& authority : x509_authorities) all.push_back(authority.certificate);
  return all;
}

Bytes Bundle::concatenated_certificates() const {
  Bytes der;
  for (const X509Authority& authority : x509_authorities) {
    const Bytes& one = authority.certificate.der();
    der.insert(der.end(), one.begin(), one.end());
  }
  return der;
}

const JwtAuthority* Bundle::find_jwt_authority(std::string_view key_id) const {
  for (const JwtAuthority& authority : jwt_authorities) {
    if (authority.key_id == key_id) return &authority;
  }
  return nullptr;
}

}  // namespace signet::x509
