#include "crypto/random.h"

#include <algorithm>
#include <cstdlib>

#include <openssl/rand.h>

#include "crypto/encoding.h"

namespace signet::crypto {
namespace {

std::string uuid_text(const Bytes& bytes) {
  std::string text = hex_encode(bytes);
  for (std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

}  // namespace

void random_fill(std::span<std::uint8_t> out) {
  // RAND_bytes counts in int; nothing here asks for that much at once.
  constexpr std::size_t kStep = 1 << 20;
  for (std::size_t at = 0; at < out.size(); at += kStep) {
    const std::size_t size = std::min(kStep, out.size() - at);
    if (RAND_bytes(out.data() + at, static_cast<int>(size)) != 1) std::abort();
  }
}

Bytes random_bytes(std::size_t size) {
  Bytes bytes(size);
  random_fill(bytes);
  return bytes;
}

std::string random_alphanumeric(std::size_t size) {
  constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::string text(size, '\0');
  const Bytes bytes = random_bytes(size);
  for (std::size_t i = 0; i < size; ++i) text[i] = kAlphabet[bytes[i] % 62];
  return text;
}

Bytes random_uuid_bytes() {
  Bytes bytes = random_bytes(16);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  return bytes;
}

std::string random_uuid() { return uuid_text(random_uuid_bytes()); }

std::string ordered_uuid(std::int64_t unix_ms) {
  Bytes bytes = random_uuid_bytes();
  for (std::size_t n = 0; n < 6; ++n)
    bytes[n] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(unix_ms) >> (40 - 8 * n));
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x70);
  return uuid_text(bytes);
}

}  // namespace signet::crypto
