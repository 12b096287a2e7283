#include "jwt/wit.h"

#include "algorithm.h"
#include "token_writer.h"
#include "x509/bundle_json.h"
#include "x509/strict_json.h"

namespace signet::jwt {

bool fits_confirmation(crypto::KeyType type, std::string_view name) {
  const Algorithm* algorithm = find_algorithm(name);
  return algorithm != nullptr && algorithm->fits(type);
}

Status check_confirmation(const crypto::PublicKey& key, std::string_view name) {
  if (fits_confirmation(key.type(), name)) return {};
  const std::string kind =
      crypto::is_rsa(key.type()) ? "RSA" : std::string(crypto::key_type_name(key.type()));
  return Status::invalid_argument("unsupported signing algorithm for " + kind +
                                  " key: " + std::string(name));
}

Result<std::string> mint_wit(const WitParams& params, std::string_view key_id,
                             const crypto::Signer& signer) {
  SIGNET_RETURN_IF_ERROR(check_confirmation(params.key, params.algorithm));
  SIGNET_TRY(const std::string jwk, x509::write_jwk(params.key, params.algorithm));
  nlohmann::ordered_json claims = nlohmann::ordered_json::object();
  claims["cnf"]["jwk"] = nlohmann::ordered_json::parse(jwk);
  claims["exp"] = x509::to_unix(params.expires_at);
  claims["iat"] = x509::to_unix(params.issued_at);
  if (!params.issuer.empty()) claims["iss"] = params.issuer;
  claims["sub"] = params.spiffe_id.to_string();
  return sign_token("wit+jwt", x509::print_json(claims, -1), key_id, signer);
}

}  // namespace signet::jwt
