// A certificate and key to serve with, of an authority of its own.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "https_server/server.h"
#include "x509/svid_issuer.h"

namespace signet::https_server {

struct OwnIdentity {
  explicit OwnIdentity(std::string_view id) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    auto ca_key = std::make_shared<crypto::PrivateKeySigner>(
        crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value());
    const auto domain = TrustDomain::parse("example.org").value();
    x509::CaParams params;
    params.now = now;
    const auto ca = x509::self_sign_ca(domain, params, *ca_key).value();
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    const auto issuer = x509::SvidIssuer::make(ca, ca_key).value();
    const auto svid =
        issuer.issue({.spiffe_id = id, .spki = key.public_key().spki(), .now = now}).value();
    chain = {crypto::to_string(svid.der)};
    pkcs8 = key.to_pkcs8_der();
  }
  Identity identity() const { return {chain, pkcs8.text()}; }
  std::vector<std::string> chain;
  crypto::SecretBytes pkcs8;
};

}  // namespace signet::https_server
