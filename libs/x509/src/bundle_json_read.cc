// Reading bundle documents, key sets and bundle maps.
#include <algorithm>

#include "crypto/encoding.h"
#include "jwk.h"
#include "x509/bundle_json.h"
#include "x509/strict_json.h"

namespace signet::x509 {

namespace {

using nlohmann::json;

Status refuse(std::string text) { return Status::invalid_argument(std::move(text)); }

Status at_entry(const Status& status, std::size_t index) {
  return status.prefixed("key entry " + std::to_string(index));
}

void add_certificate(Bundle& bundle, Certificate certificate) {
  const bool known =
      std::any_of(bundle.x509_authorities.begin(), bundle.x509_authorities.end(),
                  [&](const X509Authority& a) { return a.certificate == certificate; });
  if (!known) bundle.x509_authorities.push_back({std::move(certificate), false});
}

void add_token_key(std::vector<JwtAuthority>& list, JwtAuthority authority) {
  for (JwtAuthority& known : list) {
    if (known.key_id == authority.key_id) {
      known = std::move(authority);
      return;
    }
  }
  list.push_back(std::move(authority));
}

// The certificate of an x509-svid entry. X509-SVID 6.2: x5c holds
// exactly one when published; consumers use the first.
Result<Certificate> read_x5c(const json& jwk, const crypto::PublicKey& key, std::size_t index,
                             BundleReading reading) {
  const auto x5c = jwk.find("x5c");
  const std::size_t count = x5c != jwk.end() && x5c->is_array() ? x5c->size() : 0;
  if (count == 0 || (count != 1 && reading == BundleReading::kStrict)) {
    return refuse("expected a single certificate in x509-svid entry " + std::to_string(index) +
                  "; got " + std::to_string(count));
  }
  if (!x5c->at(0).is_string()) return refuse("x5c does not hold strings");
  const auto der = crypto::base64_decode(x5c->at(0).get_ref<const std::string&>());
  if (!der) return refuse("x5c is not base64");
  SIGNET_TRY(Certificate certificate, Certificate::parse(*der));
  // RFC 7517 4.7: the key of the first certificate is the key of the JWK.
  if (!crypto::equal(certificate.spki(), key.spki())) {
    return refuse("public keys in key and x5c do not match");
  }
  return certificate;
}

Status read_entry(const json& jwk, std::size_t index, BundleReading reading, Bundle& bundle) {
  if (!jwk.is_object()) return refuse("not an object");
  SIGNET_TRY(const std::string use, string_member(jwk, "use"));
  const std::string number = std::to_string(index);
  if (use.empty()) return refuse("missing use for key entry " + number);
  if (use != "x509-svid" && use != "jwt-svid" && use != "wit-svid") {
    return refuse("unrecognized use \"" + use + "\" for key entry " + number);
  }
  SIGNET_TRY(const crypto::PublicKey key, read_jwk(jwk));
  if (use == "x509-svid") {
    SIGNET_TRY(Certificate certificate, read_x5c(jwk, key, index, reading));
    add_certificate(bundle, std::move(certificate));
    return {};
  }
  SIGNET_TRY(const std::string kid, string_member(jwk, "kid"));
  if (kid.empty()) return refuse("missing key ID in " + use + " entry " + number);
  add_token_key(use == "jwt-svid" ? bundle.jwt_authorities : bundle.wit_authorities,
                {kid, key.spki(), 0, false});
  return {};
}

// A member that is a number of at least zero; 0 when absent.
Result<std::uint64_t> number_member(const json& document, const char* name) {
  const auto member = document.find(name);
  if (member == document.end() || member->is_null()) return std::uint64_t{0};
  if (!member->is_number_unsigned()) {
    return refuse(std::string("member \"") + name + "\" is not a positive integer");
  }
  return member->get<std::uint64_t>();
}

Result<const json*> keys_of(const json& document) {
  // Trust Domain and Bundle 4.1: `keys` is mandatory; it may be empty.
  if (!document.is_object()) return refuse("bundle is not a JSON object");
  const auto keys = document.find("keys");
  if (keys == document.end() || !keys->is_array()) return refuse("bundle has no array \"keys\"");
  if (keys->size() > kMaxBundleKeys) return refuse("bundle has too many keys");
  return &*keys;
}

Result<Bundle> read_document(const TrustDomain& trust_domain, const json& document,
                             BundleReading reading) {
  SIGNET_TRY(const json* keys, keys_of(document));
  Bundle bundle(trust_domain);
  SIGNET_TRY(bundle.sequence_number, number_member(document, "spiffe_sequence"));
  SIGNET_TRY(const std::uint64_t hint, number_member(document, "spiffe_refresh_hint"));
  // Bounded so that arithmetic on it cannot overflow; a year is longer than any sane hint.
  bundle.refresh_hint = static_cast<std::int64_t>(std::min<std::uint64_t>(hint, 31536000));
  for (std::size_t i = 0; i < keys->size(); ++i) {
    const Status status = read_entry((*keys)[i], i, reading, bundle);
    // Trust Domain and Bundle 4.2: what a consumer does not understand it ignores as a whole.
    if (!status.ok() && reading == BundleReading::kStrict) return at_entry(status, i);
  }
  return bundle;
}

}  // namespace

Result<Bundle> read_bundle_json(const TrustDomain& trust_domain, std::string_view text,
                                BundleReading reading) {
  SIGNET_TRY(const json document, parse_strict_json(text, kMaxBundleJsonBytes));
  return read_document(trust_domain, document, reading);
}

Result<std::vector<JwtAuthority>> read_jwks(std::string_view text) {
  SIGNET_TRY(const json document, parse_strict_json(text, kMaxBundleJsonBytes));
  SIGNET_TRY(const json* keys, keys_of(document));
  std::vector<JwtAuthority> authorities;
  for (std::size_t i = 0; i < keys->size(); ++i) {
    const json& jwk = (*keys)[i];
    if (!jwk.is_object()) return at_entry(refuse("not an object"), i);
    auto use = string_member(jwk, "use");
    if (!use) return at_entry(use.status(), i);
    if (*use == "x509-svid" || *use == "wit-svid") continue;
    auto key = read_jwk(jwk);
    if (!key) {
      // RFC 7517 5: keys of a type that is not understood are ignored.
      const auto& fields = key.status().fields();
      const bool unknown = std::any_of(fields.begin(), fields.end(), [](const auto& f) {
        return f.first == "reason" && f.second == "kty";
      });
      if (unknown) continue;
      return at_entry(key.status(), i);
    }
    auto kid = string_member(jwk, "kid");
    if (!kid) return at_entry(kid.status(), i);
    if (kid->empty()) return at_entry(refuse("missing key ID"), i);
    add_token_key(authorities, {*std::move(kid), key->spki(), 0, false});
  }
  return authorities;
}

Result<std::vector<Bundle>> read_bundle_map(std::string_view text) {
  // Duplicate trust domains are duplicate members, which the parser refuses.
  SIGNET_TRY(const json document, parse_strict_json(text, kMaxBundleJsonBytes));
  if (!document.is_object() || !document.contains("trust_domains") ||
      !document["trust_domains"].is_object()) {
    return refuse("bundle map has no object \"trust_domains\"");
  }
  std::vector<Bundle> bundles;
  for (const auto& [name, value] : document["trust_domains"].items()) {
    auto trust_domain = TrustDomain::parse(name);
    if (!trust_domain) return trust_domain.status().prefixed("trust domain \"" + name + "\"");
    auto bundle = read_document(*trust_domain, value, BundleReading::kTolerant);
    if (!bundle) return bundle.status().prefixed("trust domain \"" + name + "\"");
    bundle->refresh_hint = 0;
    bundles.push_back(*std::move(bundle));
  }
  return bundles;
}

}  // namespace signet::x509
