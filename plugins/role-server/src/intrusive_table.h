// IntrusiveTable: a hash table whose chains run through its elements.
//
// It allocates nothing per element: with a million registration entries in memory, a node and a
// hash for each would cost more than what they find. The elements belong to somebody else and stay
// where they are. Hook is a member `T* next`; key_of(const T&) gives the key, which must not change
// while the element is in the table.
//
//   IntrusiveTable<IndexedEntry, &IndexedEntry::next_by_id_, ById> by_id;
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace signet::server {

template <typename T, T* T::*Hook, typename KeyOf>
class IntrusiveTable {
 public:
  std::size_t size() const { return size_; }

  /// nullptr when there is none.
  T* find(std::string_view key) const {
    return chains_.empty() ? nullptr : find_in(chains_[chain_of(key)], key);
  }

  /// fn(element or nullptr) for each key, in their order. Memory that is far away is asked for
  /// before it is needed: with a table that no cache holds this takes a third of the time.
  template <typename F>
  void find_each(std::span<const std::string_view> keys, F&& fn) const {
    constexpr std::size_t kAtOnce = 16;
    std::array<std::size_t, kAtOnce> chains;
    for (; !keys.empty(); keys = keys.subspan(std::min(kAtOnce, keys.size()))) {
      const auto some = keys.first(std::min(kAtOnce, keys.size()));
      if (chains_.empty()) {
        for (std::size_t n = 0; n < some.size(); ++n) fn(nullptr);
        continue;
      }
      for (std::size_t n = 0; n < some.size(); ++n) {
        chains[n] = chain_of(some[n]);
        __builtin_prefetch(&chains_[chains[n]]);
      }
      for (std::size_t n = 0; n < some.size(); ++n) {
        if (const T* first = chains_[chains[n]]) prefetch(*first);
      }
      // Up to one in four is found behind another.
      for (std::size_t n = 0; n < some.size(); ++n) {
        const T* first = chains_[chains[n]];
        if (first != nullptr && first->*Hook != nullptr) prefetch(*(first->*Hook));
      }
      for (std::size_t n = 0; n < some.size(); ++n) fn(find_in(chains_[chains[n]], some[n]));
    }
  }

  /// Its key must not be there yet.
  void insert(T& element) {
    // Two chains or more for each element: what stands before it in a chain is far away, too.
    if (size_ * 2 >= chains_.size()) grow();
    link(element);
    ++size_;
  }

  /// Takes an element out that is in the table.
  void remove(T& element) {
    T** place = place_of(element);
    *place = std::exchange(element.*Hook, nullptr);
    --size_;
  }

  /// Puts `by`, with the same key, into the place of `element`.
  void replace(T& element, T& by) {
    T** place = place_of(element);
    by.*Hook = std::exchange(element.*Hook, nullptr);
    *place = &by;
  }

  template <typename F>
  void for_each(F&& fn) const {
    for (const T* element : chains_) {
      for (; element != nullptr; element = element->*Hook) fn(*element);
    }
  }

  /// Empties the table; fn may destroy the element it is given.
  template <typename F>
  void drain(F&& fn) {
    for (T* element : std::exchange(chains_, {})) {
      while (element != nullptr) fn(*std::exchange(element, element->*Hook));
    }
    size_ = 0;
  }

 private:
  static constexpr std::size_t kPrefetched = 384;  // bytes of an element
  static constexpr std::size_t kFirstChains = 16;  // a power of two, as all later numbers

  std::size_t chain_of(std::string_view key) const {
    return std::hash<std::string_view>()(key) & (chains_.size() - 1);
  }
  static T* find_in(T* element, std::string_view key) {
    while (element != nullptr && KeyOf()(*element) != key) element = element->*Hook;
    return element;
  }
  static void prefetch(const T& element) {
    const auto* at = reinterpret_cast<const char*>(&element);
    for (std::size_t line = 0; line < kPrefetched; line += 64) __builtin_prefetch(at + line);
  }
  void link(T& element) {
    T*& first = chains_[chain_of(KeyOf()(element))];
    element.*Hook = std::exchange(first, &element);
  }
  T** place_of(T& element) {
    T** place = &chains_[chain_of(KeyOf()(element))];
    while (*place != &element) place = &((*place)->*Hook);
    return place;
  }
  void grow() {
    std::vector<T*> old(chains_.empty() ? kFirstChains : chains_.size() * 2);
    old.swap(chains_);
    for (T* element : old) {
      while (element != nullptr) link(*std::exchange(element, element->*Hook));
    }
  }

  std::vector<T*> chains_;
  std::size_t size_ = 0;
};

}  // namespace signet::server
