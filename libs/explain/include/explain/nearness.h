// Nearness: how far an entry is from a caller, by their selectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "signet/selector.h"

namespace signet::explain {

/// "unix:uid" of unix:uid:1000, "k8s:pod-label" of k8s:pod-label:app:web: what kind of property.
std::string kind_of(const Selector& selector);

struct Nearness {
  SelectorSet has;           // of the entry's, those that the caller has
  SelectorSet lacks;         // the others
  std::size_t kin = 0;       // of those: the caller has another value of the same kind
  std::size_t misspelt = 0;  // and of those: one that is spelt almost alike, and is no number
  std::size_t letters = 0;   // by how many letters all kin differ

  /// A caller of some other workload has nothing in common with it.
  bool related() const { return !has.empty() || kin != 0; }
  /// Less is nearer.
  bool operator<(const Nearness& other) const { return order() < other.order(); }

 private:
  std::tuple<std::size_t, std::size_t, std::size_t, std::size_t, std::size_t> order() const {
    return {lacks.size(), SIZE_MAX - misspelt, SIZE_MAX - kin, SIZE_MAX - has.size(), letters};
  }
};

/// Source: an entry matches a caller that has all of its selectors.
Nearness nearness(const SelectorSet& entry, const SelectorSet& caller);

/// Of the caller's selectors of the same kind the one that is spelt most alike; null: it has none.
const Selector* nearest_kin(const Selector& wanted, const SelectorSet& caller);

}  // namespace signet::explain
