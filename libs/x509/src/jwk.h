// One JSON Web Key (RFC 7517, RFC 7518 6) of a kind that identities use: EC or RSA, public.
#pragma once

#include <nlohmann/json.hpp>

#include "crypto/key.h"

namespace signet::x509 {

/// Adds kty, crv, x, y or kty, n, e in the order of go-jose; `kid` and `alg` when not empty.
void put_jwk(nlohmann::ordered_json& out, const crypto::PublicKey& key, const std::string& kid,
             std::string_view alg);

/// Reads a public key. Errors   kInvalidArgument; field `reason` is "kty" when kty is missing or
/// unknown, so that a tolerant reader can skip the key
Result<crypto::PublicKey> read_jwk(const nlohmann::json& jwk);

/// A string member; "" when it is absent. Errors   kInvalidArgument when it is not a string
Result<std::string> string_member(const nlohmann::json& object, const char* name);

}  // namespace signet::x509
