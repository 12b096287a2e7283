// Work that one server of the trust domain does for all.
#pragma once

#include <functional>
#include <string_view>

#include "signet/datastore.h"

namespace signet::server {

/// Runs `work` unless another server is at the same `job`. The right to it is a claim of a
/// transaction that stays open meanwhile and ends with this server, however that ends: then any
/// other takes over. What `work` does must bear being done twice, since a server that hung may go
/// on after it has lost its claim. Blocks.
/// Whether it ran. Errors   the datastore's, and those of `work`
Result<bool> run_alone(const Datastore& datastore, std::string_view job,
                       const std::function<Status()>& work);

}  // namespace signet::server
