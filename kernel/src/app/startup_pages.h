// Giving back the memory that only the start of the process needed.
#pragma once

#include <cstddef>

namespace signet::kernel {

/// Returns free heap to the system and drops this process's pages of program text, which the
/// page cache keeps: those still in use come back with a minor fault each. The number of bytes
/// of text let go. Failure changes nothing.
std::size_t release_startup_pages();

}  // namespace signet::kernel
