// What findings are put together from.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "explain/facts.h"
#include "explain/redact.h"

namespace signet::explain {

std::string joined(const std::vector<std::string>& words);
/// "12 ms" and "3 s", rounded down.
std::string millis(std::chrono::nanoseconds time);
std::string whole_seconds(std::chrono::nanoseconds time);

/// Of an attestor that failed, or has not answered yet: what is wrong, and what to do.
std::string what_became_of(const AttestorFacts& attestor);
std::string remedy_for(const AttestorFacts& attestor);

/// Of an agent that lacks an entry, behind "it ": up to where it was told, and where the server is.
std::string how_far(const AgentFacts& agent, const ServerFacts& server);
std::string server_away(const AgentFacts& agent, const ServerFacts& server);

/// What to ask a server for the same, without what is redacted.
std::string server_command(const AgentFacts& agent, const std::optional<SelectorSet>& selectors,
                           const Redacted& redacted);

}  // namespace signet::explain
