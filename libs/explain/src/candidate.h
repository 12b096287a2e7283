// Candidate: an entry and how it stands to the caller.
#pragma once

#include <string_view>
#include <utility>

#include "explain/facts.h"

namespace signet::explain {

struct Candidate {
  const EntryFacts* entry;
  Nearness near;
  bool outside() const { return entry->place != EntryFacts::Place::kHere; }
  bool unsynced() const { return entry->at_agent == false; }
  bool without_agent() const { return entry->agent && !entry->agent->good(); }
  bool good() const { return near.lacks.empty() && faults() == 0; }
  /// What is given comes first, then what is nearest.
  bool operator<(const Candidate& o) const {
    if (good() != o.good()) return good();
    if (near < o.near || o.near < near) return near < o.near;
    return std::pair(faults(), std::string_view(entry->id)) <
           std::pair(o.faults(), std::string_view(o.entry->id));
  }

 private:
  int faults() const {
    return int{outside()} + int{entry->expired} + int{entry->stored} + int{unsynced()} +
           int{entry->svid_expired} + int{without_agent()};
  }
};

}  // namespace signet::explain
