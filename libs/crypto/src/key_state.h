// What PublicKey and PrivateKey share between their copies.
#pragma once

#include "crypto/key.h"
#include "ec_low_level.h"
#include "rsa.h"

namespace signet::crypto {

struct PublicKey::State {
  KeyType type;
  int bits;
  Bytes spki;
  // Places in `spki`.
  ByteView key_bits;
  ByteView modulus;
  ByteView exponent;
  ec::KeyPtr ec;  // one of these two
  rsa::KeyPtr rsa;
};

struct PrivateKey::State {
  PublicKey public_key;
  ec::KeyPtr ec;
  rsa::KeyPtr rsa;
};

}  // namespace signet::crypto
