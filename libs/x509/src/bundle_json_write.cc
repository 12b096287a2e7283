// Writing bundle documents and key sets.
#include <algorithm>

#include "crypto/encoding.h"
#include "jwk.h"
#include "x509/bundle_json.h"
#include "x509/strict_json.h"

namespace signet::x509 {

namespace {

using nlohmann::ordered_json;

Status unwritable(const Status& why, const std::string& what) {
  return Status::internal(what + ": " + why.message());
}

Status put_token_keys(ordered_json& keys, const std::vector<JwtAuthority>& authorities,
                      const char* use) {
  for (const JwtAuthority& authority : authorities) {
    auto key = crypto::PublicKey::from_spki(authority.spki);
    if (!key) return unwritable(key.status(), "authority \"" + authority.key_id + "\"");
    ordered_json jwk = ordered_json::object();
    if (use != nullptr) jwk["use"] = use;
    put_jwk(jwk, *key, authority.key_id, "");
    keys.push_back(std::move(jwk));
  }
  return {};
}

std::vector<JwtAuthority> sorted(std::vector<JwtAuthority> authorities) {
  std::sort(authorities.begin(), authorities.end(),
            [](const auto& a, const auto& b) { return a.key_id < b.key_id; });
  return authorities;
}

std::string_view jws_algorithm(crypto::KeyType type) {
  switch (type) {
    case crypto::KeyType::kEcP256:
      return "ES256";
    case crypto::KeyType::kEcP384:
      return "ES384";
    case crypto::KeyType::kEcP521:
      return "ES512";
    default:
      return "RS256";
  }
}

}  // namespace

Result<std::string> write_bundle_json(const Bundle& bundle, const BundleJsonOptions& options) {
  ordered_json keys = ordered_json::array();
  if (options.x509) {
    for (const X509Authority& authority : bundle.x509_authorities) {
      const auto& key = authority.certificate.public_key();
      if (!key) return unwritable(key.status(), "X.509 authority");
      ordered_json jwk = ordered_json::object();
      jwk["use"] = "x509-svid";
      put_jwk(jwk, *key, "", "");
      jwk["x5c"] = {crypto::base64_encode(authority.certificate.der())};
      keys.push_back(std::move(jwk));
    }
  }
  // Sorted, since the peer's order is a map's and a reader that compares bytes would see changes
  // where there are none.
  if (options.jwt) {
    SIGNET_RETURN_IF_ERROR(put_token_keys(keys, sorted(bundle.jwt_authorities), "jwt-svid"));
  }
  if (options.wit) {
    SIGNET_RETURN_IF_ERROR(put_token_keys(keys, sorted(bundle.wit_authorities), "wit-svid"));
  }
  ordered_json document = ordered_json::object();
  document["keys"] = std::move(keys);
  if (options.sequence_and_hint) {
    if (bundle.sequence_number != 0) document["spiffe_sequence"] = bundle.sequence_number;
    if (bundle.refresh_hint != 0) document["spiffe_refresh_hint"] = bundle.refresh_hint;
  }
  return print_json(document, 4);
}

Result<std::string> write_jwk(const crypto::PublicKey& key, std::string_view algorithm) {
  ordered_json jwk = ordered_json::object();
  put_jwk(jwk, key, "", algorithm);
  return print_json(jwk, -1);
}

Result<std::string> write_jwks(const std::vector<JwtAuthority>& authorities) {
  ordered_json document = ordered_json::object();
  document["keys"] = ordered_json::array();
  SIGNET_RETURN_IF_ERROR(put_token_keys(document["keys"], sorted(authorities), nullptr));
  return print_json(document, 4);
}

Result<std::string> write_oidc_jwks(const std::vector<JwtAuthority>& authorities, bool set_use,
                                    bool set_alg) {
  ordered_json document = ordered_json::object();
  ordered_json& keys = document["keys"] = ordered_json::array();
  for (const JwtAuthority& authority : sorted(authorities)) {
    auto key = crypto::PublicKey::from_spki(authority.spki);
    if (!key) return unwritable(key.status(), "authority \"" + authority.key_id + "\"");
    ordered_json jwk = ordered_json::object();
    if (set_use) jwk["use"] = "sig";
    put_jwk(jwk, *key, authority.key_id, set_alg ? jws_algorithm(key->type()) : "");
    keys.push_back(std::move(jwk));
  }
  return print_json(document, 2);
}

}  // namespace signet::x509
