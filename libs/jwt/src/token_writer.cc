#include "token_writer.h"

#include "algorithm.h"
#include "crypto/encoding.h"
#include "jwt/svid.h"
#include "x509/strict_json.h"

namespace signet::jwt {

Result<std::string> sign_token(std::string_view type, std::string_view claims,
                               std::string_view key_id, const crypto::Signer& signer) {
  const crypto::KeyType key_type = signer.key_type();
  const std::string_view name = algorithm_for(key_type);
  const Algorithm& algorithm = *find_algorithm(name);
  const nlohmann::json header = {{"alg", name}, {"kid", key_id}, {"typ", type}};
  std::string token = crypto::base64url_encode(crypto::as_bytes(x509::print_json(header, -1)));
  token += '.';
  token += crypto::base64url_encode(crypto::as_bytes(claims));
  SIGNET_TRY(crypto::Bytes signature,
             signer.sign(algorithm.hash, crypto::digest(algorithm.hash, crypto::as_bytes(token)),
                         algorithm.padding));
  if (!algorithm.rsa) {  // RFC 7518 3.4: r || s
    SIGNET_TRY(signature, crypto::ecdsa_der_to_raw(key_type, signature));
  }
  token += '.';
  token += crypto::base64url_encode(signature);
  if (token.size() > kMaxTokenBytes) return Status::invalid_argument("token is larger than 16 KiB");
  return token;
}

}  // namespace signet::jwt
