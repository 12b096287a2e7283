// Hex, base64 and base64url (RFC 4648). The readers are strict: the alphabet alone, right
// padding, and zero bits in what the last character leaves over, so that one byte string
// has one spelling.
#pragma once

#include <array>
#include <optional>

#include "crypto/secret_bytes.h"

namespace signet::crypto {

std::string hex_encode(ByteView bytes);  // lower case
std::optional<Bytes> hex_decode(std::string_view text);

std::string base64_encode(ByteView bytes);  // with padding
std::optional<Bytes> base64_decode(std::string_view text);
/// Encodes a secret into memory that is wiped.
SecretBytes base64_encode_secret(ByteView bytes);

std::string base64url_encode(ByteView bytes);  // no padding
SecretBytes base64url_encode_secret(ByteView bytes);
std::optional<Bytes> base64url_decode(std::string_view text);

}  // namespace signet::crypto
