// Counters: what the last commit left in table `counter`.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "records.h"

namespace signet::datastore_sql {

inline constexpr std::size_t kKindCount = 7;

struct Counters {
  std::uint64_t revision = 0;
  std::uint64_t log_start = 0;   // changes after it are all known
  std::uint64_t tombstones = 0;  // at most this many
  std::array<std::uint64_t, kKindCount> rows{};
};

/// Calls fn(name, value) for each counter, `revision` first; fn may change the value.
template <typename AnyCounters, typename F>
void for_each_counter(AnyCounters& counters, F&& fn) {
  fn(std::string_view("revision"), counters.revision);
  fn(std::string_view("log_start"), counters.log_start);
  fn(std::string_view("tombstones"), counters.tombstones);
  for (const KindSpec& kind : kinds()) {
    fn("row." + std::string(kind.name), counters.rows[kind.index]);
  }
}

}  // namespace signet::datastore_sql
