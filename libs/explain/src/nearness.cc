#include "explain/nearness.h"

#include <algorithm>
#include <numeric>

namespace signet::explain {
namespace {

// Values may be long, and the work grows with the square.
constexpr std::size_t kCompared = 200;

// Levenshtein: how many letters to change, add or take away.
std::size_t distance(std::string_view a, std::string_view b) {
  a = a.substr(0, kCompared);
  b = b.substr(0, kCompared);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      corner = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

}  // namespace

void normalise(SelectorSet& set) {
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
}

std::string kind_of(const Selector& selector) {
  const std::size_t colon = selector.value.find(':');
  if (colon == std::string::npos) return selector.type;
  return selector.type + ":" + selector.value.substr(0, colon);
}

Nearness nearness(const SelectorSet& entry, const SelectorSet& caller) {
  Nearness out;
  for (const Selector& selector : entry) {
    if (std::binary_search(caller.begin(), caller.end(), selector)) {
      out.has.push_back(selector);
      continue;
    }
    out.lacks.push_back(selector);
    const std::string kind = kind_of(selector);
    const auto same = [&](const Selector& s) {
      return s.type == selector.type && kind_of(s) == kind;
    };
    if (std::any_of(caller.begin(), caller.end(), same)) ++out.kin;
  }
  return out;
}

const Selector* nearest_kin(const Selector& wanted, const SelectorSet& caller) {
  const std::string kind = kind_of(wanted);
  const Selector* best = nullptr;
  std::size_t least = SIZE_MAX;
  for (const Selector& selector : caller) {
    if (selector.type != wanted.type || kind_of(selector) != kind) continue;
    const std::size_t far = distance(wanted.value, selector.value);
    if (far < least) {
      least = far;
      best = &selector;
    }
  }
  return best;
}

}  // namespace signet::explain
