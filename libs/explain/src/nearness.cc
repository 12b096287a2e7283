#include "explain/nearness.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <utility>

namespace signet::explain {
namespace {

// Values may be long, and the work grows with the square of what differs.
constexpr std::size_t kCompared = 64;

// Levenshtein: how many letters to change, add or take away.
std::size_t distance(std::string_view a, std::string_view b) {
  const auto differ = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const auto same = static_cast<std::size_t>(differ.first - a.begin());
  a.remove_prefix(same);
  b.remove_prefix(same);
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
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

bool is_number(std::string_view value) {
  value.remove_prefix(std::min(value.find(':') + 1, value.size()));
  return value.find_first_not_of("0123456789") == std::string_view::npos;
}

// A slip of the pen, rather than another thing.
bool almost_alike(const Selector& wanted, std::size_t far) {
  return far <= 2 && far * 4 <= wanted.value.size() && !is_number(wanted.value);
}

struct Kin {
  const Selector* selector = nullptr;
  std::size_t far = SIZE_MAX;  // letters
};

Kin kin_of(const Selector& wanted, const SelectorSet& caller) {
  const std::string kind = kind_of(wanted);
  Kin best;
  for (const Selector& selector : caller) {
    if (selector.type != wanted.type || kind_of(selector) != kind) continue;
    const std::size_t far = distance(wanted.value, selector.value);
    if (far < best.far) best = {&selector, far};
  }
  return best;
}

}  // namespace

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
    const Kin kin = kin_of(selector, caller);
    if (kin.selector == nullptr) continue;
    ++out.kin;
    out.letters += kin.far;
    if (almost_alike(selector, kin.far)) ++out.misspelt;
  }
  return out;
}

const Selector* nearest_kin(const Selector& wanted, const SelectorSet& caller) {
  return kin_of(wanted, caller).selector;
}

}  // namespace signet::explain
