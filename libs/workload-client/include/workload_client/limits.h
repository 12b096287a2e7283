// What an agent's answer may hold at most. The agent is trusted, but a broken one must not fill
// memory.
#pragma once

#include <cstddef>

namespace signet::workload_client {

inline constexpr std::size_t kMaxAnswerBytes = 4 * 1024 * 1024;  // one message; gRPC's default too
inline constexpr std::size_t kMaxIdentities = 1000;              // SVIDs in one answer
inline constexpr std::size_t kMaxTrustDomains = 1000;            // bundles in one answer

}  // namespace signet::workload_client
