// Minting JWT-SVIDs: their claims.
#include "crypto/encoding.h"
#include "crypto/random.h"
#include "jwt/svid.h"
#include "token_writer.h"
#include "x509/strict_json.h"

namespace signet::jwt {

namespace {

using nlohmann::json;

// nlohmann's objects are sorted by name, as Go prints maps.
Result<std::string> claims_text(const SvidParams& params) {
  json claims = json::object();
  if (!params.extra_claims_json.empty()) {
    SIGNET_TRY(claims, x509::parse_strict_json(params.extra_claims_json, kMaxTokenBytes));
    if (!claims.is_object()) return Status::invalid_argument("extra claims are not an object");
  }
  json audience = json::array();
  for (const std::string& one : params.audience) {
    if (!one.empty()) audience.push_back(one);
  }
  if (audience.empty())
    return Status::invalid_argument("invalid JWT-SVID audience: cannot be empty");
  claims["sub"] = params.spiffe_id.to_string();
  claims["aud"] = std::move(audience);
  claims["exp"] = x509::to_unix(params.expires_at);
  claims["iat"] = x509::to_unix(params.issued_at);
  if (!params.issuer.empty()) claims["iss"] = params.issuer;
  if (!params.jti.empty()) claims["jti"] = params.jti;
  return x509::print_json(claims, -1);
}

}  // namespace

Result<std::string> mint_svid(const SvidParams& params, std::string_view key_id,
                              const crypto::Signer& signer) {
  SIGNET_TRY(const std::string claims, claims_text(params));
  return sign_token("JWT", claims, key_id, signer);
}

std::string new_jti() { return crypto::base64url_encode(crypto::random_uuid_bytes()); }

}  // namespace signet::jwt
