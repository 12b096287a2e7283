// SecretBytes: bytes that are overwritten before their memory is given back.
//
// Movable, not copyable, and without an operator that prints it. Growing copies into a
// fresh block and wipes the old one.
#pragma once

#include <cstddef>
#include <utility>

#include "crypto/bytes.h"

namespace signet::crypto {

/// Overwrites `size` bytes at `data` in a way that the compiler may not drop.
void wipe(void* data, std::size_t size);
void wipe(std::string& text);  // and empties it
void wipe(Bytes& bytes);       // and empties it

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  explicit SecretBytes(std::size_t size) : bytes_(size) {}  // zeros
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
  }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
      wipe(bytes_);
      bytes_ = std::move(other.bytes_);
      other.bytes_.clear();
    }
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(bytes_); }

  /// Takes over a vector, whose memory is wiped with this object.
  static SecretBytes adopt(Bytes&& bytes) {
    SecretBytes secret;
    secret.bytes_ = std::move(bytes);
    return secret;
  }
  SecretBytes clone() const { return SecretBytes(view()); }

  std::uint8_t* data() { return bytes_.data(); }
  const std::uint8_t* data() const { return bytes_.data(); }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  ByteView view() const { return bytes_; }
  std::string_view text() const { return as_text(bytes_); }

 private:
  Bytes bytes_;
};

/// True when both are equal; takes the same time wherever they differ. Lengths are not secret.
bool constant_time_equal(ByteView a, ByteView b);
inline bool constant_time_equal(std::string_view a, std::string_view b) {
  return constant_time_equal(as_bytes(a), as_bytes(b));
}

}  // namespace signet::crypto
