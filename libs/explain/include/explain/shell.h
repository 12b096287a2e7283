// Words of commands that people copy into a shell.
#pragma once

#include <string>
#include <string_view>

namespace signet::explain {

/// One word of a POSIX shell: as it is, or in quotes.
std::string quoted(std::string_view word);

}  // namespace signet::explain
