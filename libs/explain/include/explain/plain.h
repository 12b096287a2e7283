// Text that a workload may have chosen, for messages and terminals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace signet::explain {

inline constexpr std::size_t kMostShown = 1024;  // bytes of one selector

/// As UTF-8: bytes that are none become "\xNN". What is longer than `at_most` bytes is cut, and
/// says so.
std::string utf8(std::string_view text, std::size_t at_most);

/// UTF-8 without what a terminal would act upon: control characters, and those that turn the
/// direction of writing, become "\xNN".
std::string visible(std::string_view text);

}  // namespace signet::explain
