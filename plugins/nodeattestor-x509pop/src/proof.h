// The proof of possession: a signature over SHA-256(server's nonce || agent's nonce), so that
// neither side alone chooses what is signed.
#pragma once

#include "crypto/key.h"
#include "messages.h"

namespace signet::x509pop {

/// A challenge for the kind of key that the leaf has, with a fresh nonce.
Challenge make_challenge(const crypto::PublicKey& key);
/// Answers it with `key`. Errors   kInvalidArgument: the challenge is for another kind of key, or
/// its nonce has not 32 bytes
Result<Response> answer(const Challenge& challenge, const crypto::PrivateKey& key);
/// Errors   kInvalidArgument, saying what is wrong
Status verify(const Challenge& challenge, const Response& response, const crypto::PublicKey& key);

}  // namespace signet::x509pop
