// `signet server datastore check|migrate`: what a role that was started for one task does instead
// of serving.
#pragma once

#include <string_view>

#include "signet/host.h"
#include "signet/status.h"

namespace signet::server {

/// Looks at the datastore's tables, or brings them up to date, says on standard output what they
/// are and has the process end: 0 when this program can use them, else 1.
/// task     "check" or "migrate"
/// Errors   those of the datastore: another program's tables, or too new ones
Status run_datastore_task(const Host& host, std::string_view task);

}  // namespace signet::server
