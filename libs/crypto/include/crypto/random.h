// Random bytes from the operating system's generator by way of libcrypto.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/secret_bytes.h"

namespace signet::crypto {

/// Fills `out`. A process whose generator fails cannot go on: it aborts.
void random_fill(std::span<std::uint8_t> out);
Bytes random_bytes(std::size_t size);
/// `size` characters of [a-zA-Z0-9], each from its own random byte modulo 62: the form of a
/// JWT authority's key ID (32 characters).
std::string random_alphanumeric(std::size_t size);
/// A version 4 UUID (RFC 4122 4.4) in its 36-character form.
std::string random_uuid();
/// The 16 raw bytes of a version 4 UUID.
Bytes random_uuid_bytes();
/// A version 7 UUID (RFC 9562 5.7): the milliseconds since 1970, then 74 random bits. Those made
/// one after the other stand so in an index, too.
std::string ordered_uuid(std::int64_t unix_ms);

}  // namespace signet::crypto
