// What an explanation tells beside its findings: what was attested, which entries come near, how
// both sides stand.
#pragma once

#include <vector>

#include "signet/explain/v1/explain.pb.h"

#include "candidate.h"
#include "explain/redact.h"

namespace signet::explain {

/// agent        the one that is judged
/// candidates   nearest first; the first kNearest are told
void fill_answer(const Facts& facts, const AgentFacts& agent, const Redacted& redacted,
                 const std::vector<Candidate>& candidates, v1::Explanation& out);

}  // namespace signet::explain
