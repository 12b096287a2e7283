// SelectorIndex: items found by the selectors that they all need.
//
// Each item is filed under the one of its selectors that holds fewest others, so that looking up a
// caller touches hardly more than what matches. Without locks: the owner's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "identity_table.h"

namespace signet::agent {

struct SelectorHash {
  std::size_t operator()(const Selector& s) const {
    return std::hash<std::string>{}(s.value) * 31 + std::hash<std::string>{}(s.type);
  }
  std::size_t operator()(const SelectorSet& set) const {
    std::size_t h = set.size();
    for (const Selector& s : set) h = h * 0x9e3779b97f4a7c15 + (*this)(s);
    return h;
  }
};

/// Both sorted. Source: an entry matches a caller that has all of the entry's selectors.
inline bool contains(const SelectorSet& all, const SelectorSet& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

// Lists of items by selector; an empty list is not kept. Order within a list is of no account.
template <typename Item>
class SelectorLists {
 public:
  void add(const Selector& selector, Item* item) { lists_[selector].push_back(item); }
  void remove(const Selector& selector, Item* item) {
    const auto at = lists_.find(selector);
    if (at == lists_.end()) return;
    std::vector<Item*>& list = at->second;
    const auto found = std::find(list.begin(), list.end(), item);
    if (found == list.end()) return;
    *found = list.back();
    list.pop_back();
    if (list.empty()) lists_.erase(at);
  }
  /// Null when there is none.
  const std::vector<Item*>* find(const Selector& selector) const {
    const auto at = lists_.find(selector);
    return at == lists_.end() ? nullptr : &at->second;
  }

 private:
  std::unordered_map<Selector, std::vector<Item*>, SelectorHash> lists_;
};

template <typename Item>
class SelectorIndex {
 public:
  /// Where an item is filed, one of the selectors it was added with: they must stay until
  /// remove(). Null: nowhere, as it has none, and nobody finds it.
  using Place = const Selector*;
  Place add(const SelectorSet& selectors, Item* item) {
    Place place = nullptr;
    std::size_t fewest = SIZE_MAX;
    for (const Selector& selector : selectors) {
      const std::vector<Item*>* const list = lists_.find(selector);
      const std::size_t size = list == nullptr ? 0 : list->size();
      if (size >= fewest) continue;
      fewest = size;
      place = &selector;
      if (size == 0) break;
    }
    if (place != nullptr) lists_.add(*place, item);
    return place;
  }
  void remove(Place place, Item* item) {
    if (place != nullptr) lists_.remove(*place, item);
  }
  /// Calls fn(item) once for each whose selectors may all be among these; fn looks itself.
  template <typename Fn>
  void candidates(const SelectorSet& selectors, Fn&& fn) const {
    for (const Selector& selector : selectors) {
      if (const std::vector<Item*>* const list = lists_.find(selector)) {
        for (Item* item : *list) fn(item);
      }
    }
  }

 private:
  SelectorLists<Item> lists_;
};

}  // namespace signet::agent
