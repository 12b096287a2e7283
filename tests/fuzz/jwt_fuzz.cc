// Hostile input: tokens that workloads ask to validate.
#include <cstddef>
#include <cstdint>

#include "jwt/svid.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;  // NOLINT: a function, not a header
  const std::string_view token(reinterpret_cast<const char*>(data), size);
  static const jwt::KeyStore kKeys = [] {
    jwt::KeyStore keys;
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    (void)keys.add(TrustDomain::parse("example.org").value(),
                   {{"a-key", key.public_key().spki(), 0, false}});
    return keys;
  }();
  (void)jwt::validate_svid(token, kKeys, "db", x509::from_unix(1800000000));
  if (const auto svid = jwt::parse_unverified(token); svid.ok()) {
    (void)jwt::filter_claims(svid->claims_json, {});
  }
  return 0;
}
