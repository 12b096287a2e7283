#include "jwk.h"

#include "crypto/encoding.h"

namespace signet::x509 {

namespace {

using crypto::Bytes;
using crypto::ByteView;
using crypto::KeyType;

Status refuse(const char* text) { return Status::invalid_argument(text); }

Result<Bytes> number(const nlohmann::json& jwk, const char* name) {
  SIGNET_TRY(const std::string text, string_member(jwk, name));
  auto bytes = crypto::base64url_decode(text);
  if (!bytes || bytes->empty()) {
    return Status::invalid_argument(std::string("key member \"") + name +
                                    "\" is missing or not base64url");
  }
  return *std::move(bytes);
}

Result<crypto::PublicKey> read_ec(const nlohmann::json& jwk) {
  SIGNET_TRY(const std::string curve, string_member(jwk, "crv"));
  KeyType type = KeyType::kEcP256;
  std::size_t width = 32;
  if (curve == "P-384") {
    type = KeyType::kEcP384;
    width = 48;
  } else if (curve == "P-521") {
    type = KeyType::kEcP521;
    width = 66;
  } else if (curve != "P-256") {
    return refuse("key has an unsupported curve").with("reason", "kty");
  }
  SIGNET_TRY(const Bytes x, number(jwk, "x"));
  SIGNET_TRY(const Bytes y, number(jwk, "y"));
  // RFC 7518 6.2.1.2: the full width, leading zeros included.
  if (x.size() != width || y.size() != width)
    return refuse("key coordinates have the wrong length");
  Bytes point = {0x04};
  point.insert(point.end(), x.begin(), x.end());
  point.insert(point.end(), y.begin(), y.end());
  return crypto::PublicKey::from_ec_point(type, point);
}

}  // namespace

Result<std::string> string_member(const nlohmann::json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return std::string();
  if (!member->is_string()) {
    return Status::invalid_argument(std::string("member \"") + name + "\" is not a string");
  }
  return member->get<std::string>();
}

void put_jwk(nlohmann::ordered_json& out, const crypto::PublicKey& key, const std::string& kid,
             std::string_view alg) {
  const bool ec = crypto::is_ec(key.type());
  out["kty"] = ec ? "EC" : "RSA";
  if (!kid.empty()) out["kid"] = kid;
  if (ec) out["crv"] = "P-" + std::to_string(key.bits());
  if (!alg.empty()) out["alg"] = alg;
  if (ec) {
    const ByteView xy = key.key_bits().subspan(1);
    out["x"] = crypto::base64url_encode(xy.first(xy.size() / 2));
    out["y"] = crypto::base64url_encode(xy.subspan(xy.size() / 2));
  } else {
    out["n"] = crypto::base64url_encode(key.rsa_modulus());
    out["e"] = crypto::base64url_encode(key.rsa_exponent());
  }
}

Result<crypto::PublicKey> read_jwk(const nlohmann::json& jwk) {
  SIGNET_TRY(const std::string kty, string_member(jwk, "kty"));
  if (jwk.contains("d")) return refuse("key set holds a private key");
  if (kty == "EC") return read_ec(jwk);
  if (kty == "RSA") {
    SIGNET_TRY(const Bytes n, number(jwk, "n"));
    SIGNET_TRY(const Bytes e, number(jwk, "e"));
    return crypto::PublicKey::from_rsa(n, e);
  }
  return refuse(kty.empty() ? "key has no kty" : "key has an unsupported kty")
      .with("reason", "kty");
}

}  // namespace signet::x509
