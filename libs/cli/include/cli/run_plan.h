// The commands "run" and "validate" of a role: flags become a plan that the kernel carries out
// (signet/abi/role.h).
#pragma once

#include <span>

#include "cli/table.h"

namespace signet::cli {

struct RunFlag {
  enum class Kind { kText, kInteger, kSwitch };
  const char* name;  // "serverPort"
  const char* key;   // the setting in the role's block: "bind_port"
  Kind kind;
  const char* help;
};

struct RunSpec {
  const char* role;                // "server": its block, and its name in texts
  const char* default_config;      // "conf/server/server.conf"
  std::span<const RunFlag> flags;  // besides those of the log, which all roles have
};

/// Emits the plan. A flag at its zero value overrides nothing, as with the peer: it cannot take
/// back what the file says. The exit code; not 0 when there is no plan.
int plan_run(Context& context, const Args& args, const RunSpec& spec, bool validate_only);

}  // namespace signet::cli
