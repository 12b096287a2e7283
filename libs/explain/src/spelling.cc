#include "spelling.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace signet::explain {
namespace {

constexpr std::size_t kMostSlips = 2;
// Of what differs, the first letters decide.
constexpr std::size_t kCompared = 64;

// What is left of two words without what they begin and end with in common.
struct Middle {
  std::string_view a, b;
  std::size_t same;  // at the beginning
};

Middle middle_of(std::string_view a, std::string_view b) {
  const auto differ = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const auto same = static_cast<std::size_t>(differ.first - a.begin());
  a.remove_prefix(same);
  b.remove_prefix(same);
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
  return {a, b, same};
}

// Levenshtein's, a swap of neighbours counting as one; `limit` (at most kFar) when it is that or
// more. Only the cells near the diagonal are looked at.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) {
  a = a.substr(0, kCompared);
  b = b.substr(0, kCompared);
  const std::size_t longer = std::max(a.size(), b.size());
  if (longer - std::min(a.size(), b.size()) >= limit) return limit;
  using Row = std::array<std::uint8_t, kCompared + 2>;
  const auto far = static_cast<std::uint8_t>(limit);
  Row before{}, last{}, row{};
  last.fill(far);
  for (std::size_t j = 0; j <= std::min(limit, b.size()); ++j)
    last[j] = static_cast<std::uint8_t>(j);
  before = last;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    const std::size_t from = i > limit ? i - limit : 0;
    const std::size_t to = std::min(b.size(), i + limit);
    row.fill(far);
    std::size_t least = limit;
    for (std::size_t j = from; j <= to; ++j) {
      std::size_t cell = i;
      if (j != 0) {
        const std::size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
        cell = std::min({last[j] + std::size_t{1}, row[j - 1] + std::size_t{1}, changed});
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
          cell = std::min(cell, before[j - 2] + std::size_t{1});
      }
      cell = std::min(cell, limit);
      row[j] = static_cast<std::uint8_t>(cell);
      least = std::min(least, cell);
    }
    if (least >= limit) return limit;
    before = last;
    last = row;
  }
  return last[b.size()];
}

bool has_digit(std::string_view text) {
  return text.find_first_of("0123456789") != std::string_view::npos;
}

}  // namespace

Likeness likeness_of(std::string_view a, std::string_view b) {
  const Middle middle = middle_of(a, b);
  return {distance(middle.a, middle.b, kFar), middle.same};
}

bool is_slip(std::string_view wanted, std::string_view other) {
  const std::size_t most = std::min(kMostSlips, wanted.size() / 4);
  if (std::max(wanted.size(), other.size()) > std::min(wanted.size(), other.size()) + most)
    return false;
  const Middle middle = middle_of(wanted, other);
  return !has_digit(middle.a) && !has_digit(middle.b) &&
         distance(middle.a, middle.b, most + 1) <= most;
}

}  // namespace signet::explain
