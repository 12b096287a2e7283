// A trust domain in a test: an authority, the SVIDs it issues, and the agent's answers made of
// them.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "jwt/svid.h"
#include "spiffe/workload/workload.pb.h"
#include "x509/bundle_json.h"
#include "x509/pem.h"
#include "x509/svid_issuer.h"

namespace signet::workload_client::testing {

inline x509::Time now() {
  return std::chrono::time_point_cast<x509::Time::duration>(std::chrono::system_clock::now());
}

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& trust_domain)
      : trust_domain_(TrustDomain::parse(trust_domain).value()),
        signer_(std::make_shared<crypto::PrivateKeySigner>(
            crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value())),
        ca_(x509::self_sign_ca(trust_domain_, {.now = now()}, *signer_).value()) {}

  std::string bundle_der() const { return crypto::to_string(ca_.der()); }
  std::string bundle_pem() const { return x509::write_pem(ca_); }
  /// The key of the authority serves for tokens too.
  std::string jwks() const { return x509::write_jwks({{"key", signer_->spki()}}).value(); }
  std::string token(const std::string& path, const std::string& audience,
                    std::chrono::seconds ttl = std::chrono::hours(1)) const {
    return jwt::mint_svid({.spiffe_id = SpiffeId::make(trust_domain_, path).value(),
                           .audience = {audience},
                           .issued_at = now(),
                           .expires_at = now() + ttl},
                          "key", *signer_)
        .value();
  }

  /// An encoded X509SVIDResponse with one identity.
  std::string answer(const std::string& path,
                     std::chrono::seconds ttl = std::chrono::hours(1)) const {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    const std::string id = trust_domain_.id_string() + path;
    const auto issuer = x509::SvidIssuer::make(ca_, signer_).value();
    const auto svid =
        issuer.issue({.spiffe_id = id, .spki = key.public_key().spki(), .now = now(), .ttl = ttl})
            .value();
    ::X509SVIDResponse response;
    auto* out = response.add_svids();
    out->set_spiffe_id(id);
    out->set_x509_svid(crypto::to_string(svid.der));
    const crypto::SecretBytes pkcs8 = key.to_pkcs8_der();
    out->set_x509_svid_key(pkcs8.data(), pkcs8.size());
    out->set_bundle(crypto::to_string(ca_.der()));
    for (const auto& [name, der] : federated_) (*response.mutable_federated_bundles())[name] = der;
    return response.SerializeAsString();
  }
  void federate(const TestAuthority& other) {
    federated_[other.trust_domain_.id_string()] = crypto::to_string(other.ca_.der());
  }

 private:
  TrustDomain trust_domain_;
  std::shared_ptr<crypto::PrivateKeySigner> signer_;
  x509::Certificate ca_;
  std::map<std::string, std::string> federated_;
};

}  // namespace signet::workload_client::testing
