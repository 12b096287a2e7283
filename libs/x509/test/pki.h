// A small certificate authority for tests: any certificate, right or wrong.
#pragma once

#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "crypto/encoding.h"
#include "x509/ca.h"
#include "x509/csr.h"
#include "x509/svid_issuer.h"
#include "x509/verify.h"

namespace signet::x509::test {

inline const Time kNow = from_unix(1800000000);  // in 2027

inline TrustDomain domain(std::string_view name = "example.org") {
  return TrustDomain::parse(name).value();
}

struct Authority {
  crypto::PrivateKeySigner key;
  Certificate certificate;

  // A self-signed one.
  explicit Authority(const TrustDomain& td = domain(), Time now = kNow)
      : key(crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value()),
        certificate(self_sign_ca(td, params(now), key).value()) {}
  Authority(crypto::PrivateKeySigner k, Certificate c)
      : key(std::move(k)), certificate(std::move(c)) {}

  static CaParams params(Time now) {
    CaParams p;
    p.now = now;
    return p;
  }

  // A good SVID leaf for /workload, for a test to spoil.
  CertificateTemplate leaf_template(const crypto::PrivateKey& subject,
                                    std::string uri = "spiffe://example.org/workload") const {
    CertificateTemplate t;
    t.serial = random_serial();
    t.issuer = crypto::to_bytes(certificate.subject_raw());
    t.subject = Name::spire().encode();
    t.not_before = kNow - std::chrono::seconds(10);
    t.not_after = kNow + std::chrono::hours(1);
    t.spki = subject.public_key().spki();
    t.key_usage = kDigitalSignature | kKeyEncipherment | kKeyAgreement;
    t.server_auth = t.client_auth = true;
    t.basic_constraints = BasicConstraints{false, std::nullopt, true};
    t.subject_key_id = key_id_of_spki(t.spki).value();
    t.authority_key_id = crypto::to_bytes(certificate.subject_key_id());
    t.uris = {std::move(uri)};
    return t;
  }
  // A good intermediate, for a test to spoil.
  CertificateTemplate intermediate_template(const crypto::PrivateKey& subject,
                                            const std::string& name) const {
    CertificateTemplate t = leaf_template(subject, "spiffe://example.org");
    t.subject = Name::country_organization("US", name).encode();
    t.key_usage = kKeyCertSign | kCrlSign;
    t.server_auth = t.client_auth = false;
    t.basic_constraints = BasicConstraints{true, std::nullopt, true};
    return t;
  }
  Certificate sign(const CertificateTemplate& t) const {
    return Certificate::parse(sign_certificate(t, key).value()).value();
  }
  Authority intermediate(const std::string& name = "intermediate") const {
    auto k = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    return {crypto::PrivateKeySigner(k), sign(intermediate_template(k, name))};
  }
};

inline crypto::PrivateKey new_key() {
  return crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
}

inline std::string reason(const Status& status) {
  for (const auto& [name, value] : status.fields()) {
    if (name == "reason") return value;
  }
  return "";
}

// The fixtures that SPIRE's packages wrote (testdata/generate/main.go).
inline const nlohmann::json& spire() {
  static const nlohmann::json kFixtures = [] {
    std::ifstream file(std::string(SIGNET_SOURCE_DIR) + "/libs/x509/test/testdata/spire.json");
    return nlohmann::json::parse(file);
  }();
  return kFixtures;
}
inline Bytes bytes_of(const nlohmann::json& base64) {
  return crypto::base64_decode(base64.get<std::string>()).value();
}

}  // namespace signet::x509::test
