// The clock of certificates: whole seconds since the Unix epoch, UTC.
#pragma once

#include <chrono>
#include <cstdint>

namespace signet::x509 {

using Time = std::chrono::sys_seconds;

inline Time from_unix(std::int64_t seconds) { return Time(std::chrono::seconds(seconds)); }
inline std::int64_t to_unix(Time time) { return time.time_since_epoch().count(); }

}  // namespace signet::x509
