// What a process that runs a role can no longer do, whoever takes it over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

namespace signet::kernel {

/// The mask of capabilities(7) of these names in lower case without their `CAP_`.
/// Errors   kInvalidArgument: names the one that does not exist
Result<std::uint64_t> parse_capabilities(const std::vector<std::string>& names);

/// What the operator lets a process keep besides, for example to read files of another user:
/// SIGNET_KEEP_CAPABILITIES, names between commas.
/// Errors   as parse_capabilities()
Result<std::uint64_t> capabilities_kept_by_environment();

/// Every thread, also those that exist already, keeps of its capabilities those of the mask and
/// cannot gain privileges (PR_SET_NO_NEW_PRIVS).
/// Errors   kInternal: a thread did not answer in time
Status drop_capabilities(std::uint64_t kept);

/// To every thread, what is not on the list of system calls that roles need does not exist
/// (ENOSYS), so nothing can be executed, traced, mounted or loaded into the kernel.
/// Does nothing where a sanitizer is built in, whose runtime needs more.
/// Errors   kUnimplemented: the machine has no seccomp; kInternal
Status filter_system_calls();

}  // namespace signet::kernel
