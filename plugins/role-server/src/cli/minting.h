// What the three `mint` commands have in common.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/io.h"

namespace signet::server::cli {

/// Says on standard error that an SVID lives shorter than was asked for.
/// what     "X509-SVID"
/// expires_at   Unix seconds
void warn_when_capped(const signet::cli::Io& io, const std::string& what, std::int64_t expires_at,
                      std::chrono::nanoseconds asked);

}  // namespace signet::server::cli
