// UTF-8: every string of a tree is valid, because it ends in JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace signet::config {

/// Bytes of the well-formed character at the front of `text` (Unicode table 3-7: no
/// surrogates, nothing overlong); 0 when it is not one.
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);
/// False for what is no Unicode scalar value; then nothing is appended.
bool append_utf8(std::string& out, std::uint32_t code_point);

}  // namespace signet::config
