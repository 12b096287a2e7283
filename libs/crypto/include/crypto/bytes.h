// Bytes, ByteView and the two casts between text and bytes that every library here uses.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace signet::crypto {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// The bytes of `text`; valid as long as the text.
inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
/// The bytes seen as characters; valid as long as the bytes.
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); }
inline Bytes to_bytes(std::string_view text) { return to_bytes(as_bytes(text)); }
inline std::string to_string(ByteView bytes) { return std::string(as_text(bytes)); }

inline bool equal(ByteView a, ByteView b) {  // not for secrets: see constant_time_equal
  return as_text(a) == as_text(b);
}

}  // namespace signet::crypto
