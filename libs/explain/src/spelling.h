// How much two words are spelt alike.
#pragma once

#include <cstddef>
#include <string_view>

namespace signet::explain {

struct Likeness {
  std::size_t far = 0;   // how many letters to change, add, take away or swap; see kFar
  std::size_t same = 0;  // letters at the beginning

  bool operator>(const Likeness& other) const {
    return far != other.far ? far < other.far : same > other.same;
  }
};

/// From here on words are unlike, however much: so the work grows with their length only.
inline constexpr std::size_t kFar = 9;

Likeness likeness_of(std::string_view a, std::string_view b);

/// A slip of the pen, rather than another thing: at most two letters, and a quarter of `wanted`.
/// What differs in a digit is another thing ("worker-7" and "worker-8", each number and the next).
bool is_slip(std::string_view wanted, std::string_view other);

}  // namespace signet::explain
