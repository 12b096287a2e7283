// What a server's configuration file may hold, as text for the kernel: the schema of its
// top-level blocks and the role's description (abi/role.h).
#pragma once

#include <string_view>

namespace signet::server {

/// The role's settings, in the schema language of docs/configuration.md. NUL-terminated.
extern const char* const kConfigSchema;
/// What role.h's describe() answers. NUL-terminated.
extern const char kRoleDescription[];

}  // namespace signet::server
