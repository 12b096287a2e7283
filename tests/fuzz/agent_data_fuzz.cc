// Hostile input: an agent-data.json, of SPIRE's agent or of ours. What is taken is written so that
// it reads back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "agent_data.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using signet::agent::AgentData;
  const auto read = AgentData::from_json({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  const auto again = AgentData::from_json(read->to_json());
  if (!again || again->svid != read->svid || again->bundle != read->bundle ||
      again->reattestable != read->reattestable || again->bootstrap_use != read->bootstrap_use ||
      again->bootstrap_started != read->bootstrap_started ||
      again->connection_attempts != read->connection_attempts) {
    std::abort();
  }
  return 0;
}
