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

/// No thread can change, make or remove anything outside of these folders, and nothing can be
/// executed (landlock(7)); reading is as before. What is open stays open. Nor can a thread look
/// into another process, as with readlink(/proc/PID/exe).
/// Does nothing where a sanitizer is built in, which writes its reports where it likes.
/// Errors   kUnimplemented: the machine has no Landlock; kInternal: a folder or a thread
Status confine_writes(const std::vector<std::string>& folders);

}  // namespace signet::kernel
