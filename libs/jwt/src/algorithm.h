// The JWS algorithms of JWT-SVIDs (JWT-SVID 2.1) and the keys they go with.
#pragma once

#include "crypto/key.h"

namespace signet::jwt {

struct Algorithm {
  std::string_view name;
  bool rsa;
  crypto::KeyType ec_type;  // for EC algorithms: the only curve (RFC 7518 3.4)
  crypto::Hash hash;
  crypto::RsaPadding padding;

  /// An algorithm is bound to its kind of key: ES256 never verifies with P-384 or RSA.
  bool fits(crypto::KeyType type) const { return rsa ? crypto::is_rsa(type) : type == ec_type; }
};

/// nullptr for everything else, "none", HS256 and EdDSA among it.
const Algorithm* find_algorithm(std::string_view name);

}  // namespace signet::jwt
