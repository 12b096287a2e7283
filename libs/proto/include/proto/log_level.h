// What the Logger services of the roles answer: the log level of a role's scope, now and when it
// was launched. A change lasts until the next one or a restart.
#pragma once

#include "signet/host.h"
#include "signet/status.h"

#include "spire/api/types/logger.pb.h"

namespace signet::proto {

/// The levels. PANIC is not told apart from FATAL. Errors   kUnavailable: the host has no log
Result<spire::api::types::Logger> log_level(const Host& host);
/// Changes it and answers the levels after that.
/// Errors   kInvalidArgument, in SPIRE's words
Result<spire::api::types::Logger> set_log_level(const Host& host,
                                                spire::api::types::LogLevel level);
/// Back to that of the launch.
Result<spire::api::types::Logger> reset_log_level(const Host& host);

}  // namespace signet::proto
