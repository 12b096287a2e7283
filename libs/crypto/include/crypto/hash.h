// Digests. SHA-1 is here for key identifiers only (RFC 5280 4.2.1.2), never for signatures.
#pragma once

#include <array>
#include <cstddef>

#include "crypto/bytes.h"

namespace signet::crypto {

enum class Hash { kSha1, kSha256, kSha384, kSha512 };

/// Length of the digest in bytes: 20, 32, 48, 64.
constexpr std::size_t digest_size(Hash hash) {
  switch (hash) {
    case Hash::kSha1:
      return 20;
    case Hash::kSha256:
      return 32;
    case Hash::kSha384:
      return 48;
    case Hash::kSha512:
      return 64;
  }
  return 0;
}

// A digest without an allocation.
class Digest {
 public:
  ByteView view() const { return {data_.data(), size_}; }
  operator ByteView() const { return view(); }  // NOLINT: a digest is its bytes
  Bytes bytes() const { return to_bytes(view()); }
  std::size_t size() const { return size_; }

 private:
  friend Digest digest(Hash hash, ByteView data);
  friend Digest digest(Hash hash, std::span<const ByteView> parts);
  std::array<std::uint8_t, 64> data_{};
  std::size_t size_ = 0;
};

Digest digest(Hash hash, ByteView data);
/// The digest of the parts one after the other.
Digest digest(Hash hash, std::span<const ByteView> parts);

inline Digest sha1(ByteView data) { return digest(Hash::kSha1, data); }
inline Digest sha256(ByteView data) { return digest(Hash::kSha256, data); }
inline Digest sha256(std::string_view text) { return digest(Hash::kSha256, as_bytes(text)); }
inline Digest sha384(ByteView data) { return digest(Hash::kSha384, data); }
inline Digest sha512(ByteView data) { return digest(Hash::kSha512, data); }

}  // namespace signet::crypto
