// A private key as a JWK (RFC 7517, RFC 7518 6.2.2 and 6.3.2): the form in which the holder of a
// WIT-SVID gets its key.
#pragma once

#include "crypto/key.h"

namespace signet::jwt {

/// {"kty","crv","x","y","d"} or {"kty","n","e","d","p","q","dp","dq","qi"}, in this order and on
/// one line, in memory that is wiped. Errors   kInternal
Result<crypto::SecretBytes> write_private_jwk(const crypto::PrivateKey& key);

}  // namespace signet::jwt
