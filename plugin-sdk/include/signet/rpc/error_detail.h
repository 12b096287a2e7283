// The detail of an error as it travels: google.protobuf.Any in bytes, without protobuf.
#pragma once

#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet {

/// google.protobuf.Any as bytes: field 1 the type URL, field 2 the value.
inline std::string encode_any(const ErrorDetail& detail) {
  std::string out;
  const auto field = [&out](char tag, std::string_view bytes) {
    out.push_back(tag);
    std::size_t n = bytes.size();
    for (; n >= 0x80; n >>= 7) out.push_back(static_cast<char>(n | 0x80));
    out.push_back(static_cast<char>(n));
    out.append(bytes);
  };
  field('\x0a', detail.type_url);
  field('\x12', detail.value);
  return out;
}
/// The reverse; an empty type URL when the bytes are no Any. Unknown fields are not expected.
inline ErrorDetail decode_any(std::string_view bytes) {
  ErrorDetail out;
  while (bytes.size() >= 2) {
    const char tag = bytes[0];
    bytes.remove_prefix(1);
    std::size_t n = 0;
    for (int shift = 0;; shift += 7) {
      if (bytes.empty() || shift > 28) return {};
      const auto b = static_cast<unsigned char>(bytes[0]);
      bytes.remove_prefix(1);
      n |= static_cast<std::size_t>(b & 0x7f) << shift;
      if (b < 0x80) break;
    }
    if (n > bytes.size()) return {};
    if (tag == '\x0a') out.type_url = bytes.substr(0, n);
    if (tag == '\x12') out.value = bytes.substr(0, n);
    bytes.remove_prefix(n);
  }
  return out;
}

}  // namespace signet
