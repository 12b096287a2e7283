// Nearness: how far an entry is from a caller, by their selectors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "signet/selector.h"

namespace signet::explain {

using SelectorView = std::pair<std::string_view, std::string_view>;  // type and value

/// Less is nearer.
struct Rank {
  std::size_t has = 0;       // of the entry's selectors, those that the caller has
  std::size_t lacks = 0;     // the others
  std::size_t kin = 0;       // of those: the caller has another value of the same kind
  std::size_t misspelt = 0;  // and of those: one that is spelt almost alike

  /// A caller of some other workload has nothing in common with it.
  bool related() const { return has != 0 || kin != 0; }
  /// Who shares nothing comes last. What is misspelt hardly counts: that is what brings most people
  /// here.
  auto order() const {
    const bool apart = has == 0 && misspelt == 0;
    return std::tuple(apart, lacks - misspelt, lacks, SIZE_MAX - kin, SIZE_MAX - has);
  }
  bool operator<(const Rank& other) const { return order() < other.order(); }
};

// A caller that is compared with many entries: cheaply, whatever the selectors are.
class Caller {
 public:
  /// selectors   outlive this
  explicit Caller(const SelectorSet& selectors);
  /// Source: an entry matches a caller that has all of its selectors.
  Rank rank(std::span<const SelectorView> entry) const;
  Rank rank(const SelectorSet& entry) const;

 private:
  // Type, and the value up to its ':'; what follows that, sorted.
  using Kind = std::pair<std::string_view, std::string_view>;
  std::map<Kind, std::vector<std::string_view>> kinds_;
};

// Of many entries the nearest to a caller.
template <typename T>
class Nearest {
 public:
  explicit Nearest(std::size_t kept) : kept_(kept) {}
  /// Entries that are not related are left out. Of those that are alike, the lower `tie` comes
  /// first; one that is unique makes the order the same each time.
  void offer(const Rank& rank, std::string_view tie, T entry) {
    if (!rank.related()) return;
    if (heap_.size() == kept_) {
      if (Key(rank.order(), tie) >= heap_.front().key) return;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
    }
    heap_.push_back({Key(rank.order(), tie), rank, std::move(entry)});
    std::push_heap(heap_.begin(), heap_.end());
  }
  struct Item;
  /// Nearest first.
  std::vector<Item> take() {
    std::sort_heap(heap_.begin(), heap_.end());
    return std::move(heap_);
  }

  using Key = std::pair<decltype(Rank().order()), std::string>;
  struct Item {
    Key key;
    Rank rank;
    T entry;
    bool operator<(const Item& other) const { return key < other.key; }
  };

 private:
  const std::size_t kept_;
  std::vector<Item> heap_;  // the farthest on top
};

// The same of one entry, in full.
struct Nearness {
  SelectorSet has, lacks;
  Rank rank;
  std::size_t letters = 0;  // by how many letters all kin differ

  bool related() const { return rank.related(); }
  bool operator<(const Nearness& other) const {
    return std::pair(rank.order(), letters) < std::pair(other.rank.order(), other.letters);
  }
};

Nearness nearness(const SelectorSet& entry, const SelectorSet& caller);

/// Of the caller's selectors of the same kind ("unix:uid" of unix:uid:1000, "k8s:pod-label" of
/// k8s:pod-label:app:web) the one that is spelt most alike; null: it has none.
const Selector* nearest_kin(const Selector& wanted, const SelectorSet& caller);

}  // namespace signet::explain
