// Candidate: an entry and how it stands to the caller.
#pragma once

#include <algorithm>
#include <string_view>
#include <utility>

#include "explain/facts.h"

namespace signet::explain {

struct Candidate {
  const EntryFacts* entry;
  Nearness near;
  bool outside() const { return entry->place != EntryFacts::Place::kHere; }
  bool unsynced() const { return entry->at_agent == false; }
  /// It has something in common with the caller, or would but for a slip of the pen, or is for
  /// another user and no more is asked.
  bool comes_near() const {
    return !near.has.empty() || near.rank.misspelt != 0 ||
           std::all_of(near.lacks.begin(), near.lacks.end(), names_user);
  }
  bool without_agent() const { return entry->agent && !entry->agent->good(); }
  bool good() const { return near.lacks.empty() && faults() == 0; }
  static bool names_user(const Selector& selector) {
    const std::string& value = selector.value;
    return selector.type == "unix" && (value.starts_with("uid:") || value.starts_with("user:"));
  }
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
