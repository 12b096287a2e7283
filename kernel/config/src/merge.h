// Joining what HCL lets a file say in pieces.
#pragma once

#include <vector>

#include "config/config_node.h"

namespace signet::config {

/// Appends to `out` the members of `value` when it is an object, and of its items when it
/// is a list of objects (HCL1 treats the two alike); a null has none.
/// Returns  the first node that is neither, or null when all went well
const ConfigNode* collect_members(const ConfigNode& value,
                                  std::vector<const ConfigNode::Member*>& out);

}  // namespace signet::config
