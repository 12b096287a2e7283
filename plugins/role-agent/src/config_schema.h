// The agent role's configuration schema and what it tells the kernel about itself.
#pragma once

namespace signet::agent {

/// Of the top-level blocks `agent`, `telemetry` and `health_checks`.
extern const char* const kConfigSchema;
/// Answer of signet_role.describe().
extern const char kRoleDescription[];

}  // namespace signet::agent
