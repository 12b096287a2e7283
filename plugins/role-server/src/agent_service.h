// The Agent service: its methods, over several source files.
#pragma once

#include "method_registry.h"

namespace signet::server {

void register_agent_attestation(MethodRegistry& methods, ServiceContext& context);
void register_agent_listing(MethodRegistry& methods, ServiceContext& context);

}  // namespace signet::server
