// From facts to the explanation: what is in the way, which of it decides, and what to do. A pure
// function.
#pragma once

#include "signet/explain/v1/explain.pb.h"

#include "explain/facts.h"
#include "explain/redact.h"

namespace signet::explain {

/// A clock further off than this is a finding: servers date SVIDs back by 10 s (SPIRE does, too),
/// so what is signed is not valid yet for who is more behind.
inline constexpr std::chrono::seconds kSkew{10};
/// How many entries that come near are told, and how many are looked at for that: of those that
/// match, one that is well may come late.
inline constexpr std::size_t kNearest = 10;
inline constexpr std::size_t kConsidered = 100;

/// Only what the facts show is found: where something is not known, nothing is said about it. A
/// fault `blocks` when there is no identity as long as it lasts; `findings` are in the order of
/// Fault, those that block before the others, and the first of those decides. A clock that blocks
/// comes before all else, and what follows from it alone is not told.
v1::Explanation analyse(const Facts& facts, const Redacted& redacted);

}  // namespace signet::explain
