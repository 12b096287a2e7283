// Start order: a topological sort on needs, stable in the order of the configuration.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "signet/status.h"

namespace signet::kernel {

struct OrderItem {
  std::string name;  // for messages: `KeyManager "disk"`
  std::vector<std::string> offers;
  std::vector<std::string> needs;
  bool last = false;  // the role: after all that do not need it
};

/// Indices into `items`, providers before those that need them. A need that no item offers
/// is not this function's business.
/// Errors   kInvalidArgument with the cycle: `a needs x of b, b needs y of a`
Result<std::vector<std::size_t>> start_order(const std::vector<OrderItem>& items);

}  // namespace signet::kernel
