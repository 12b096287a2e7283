// UTF-8: every string of a tree is valid, because it ends in JSON.
#pragma once

#include <cstdint>
#include <string>

#include "signet/utf8.h"

namespace signet::config {

/// False for what is no Unicode scalar value; then nothing is appended.
bool append_utf8(std::string& out, std::uint32_t code_point);

}  // namespace signet::config
