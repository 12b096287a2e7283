// Selector: one property of a node or workload, "type:value", for example "unix:uid:1000".
#pragma once

#include <algorithm>
#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

namespace signet {

struct Selector {
  std::string type;   // never empty, never holds ':'
  std::string value;  // never empty, may hold ':'

  /// Splits "type:value" at the first colon.
  /// Errors   kInvalidArgument, in the words of SPIRE's command line
  static Result<Selector> parse(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
      return Status::invalid_argument("selector \"" + std::string(text) +
                                      "\" must be formatted as type:value");
    }
    Selector s{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
    SIGNET_RETURN_IF_ERROR(s.check());
    return s;
  }

  Status check() const {
    if (type.empty()) return Status::invalid_argument("missing selector type");
    if (type.find(':') != std::string::npos) {
      return Status::invalid_argument("selector type contains ':'");
    }
    if (value.empty()) return Status::invalid_argument("missing selector value");
    return {};
  }

  std::string to_string() const { return type + ":" + value; }
  auto operator<=>(const Selector&) const = default;
};

// Those of an entry or a caller: sorted, without duplicates, so that equal sets compare equal.
using SelectorSet = std::vector<Selector>;

/// Makes a SelectorSet of selectors in any order.
inline void normalise(SelectorSet& set) {
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
}

}  // namespace signet
