// RSA-PSS as protocols have it that do not fix the length of the salt.
#pragma once

#include "crypto/key.h"

namespace signet::crypto {

/// Checks an RSA-PSS signature over `digest`, whatever the length of its salt. PublicKey::verify is
/// the one for JOSE, which demands a salt as long as the hash (RFC 7518 3.5).
/// Errors   kInvalidArgument "signature is invalid", also for a key that is not RSA
Status verify_rsa_pss_any_salt(const PublicKey& key, Hash hash, ByteView digest,
                               ByteView signature);

}  // namespace signet::crypto
