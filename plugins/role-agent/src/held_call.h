// A call that is held (hold.h) until its caller sees something.
#pragma once

#include <functional>
#include <memory>

#include "signet/rpc/server_call.h"

#include "hold.h"
#include "identity_table.h"

namespace signet::agent {

struct HeldCall {
  std::shared_ptr<ServerCall> call;
  std::uint32_t uid = 0;
  SelectorSet selectors;
  /// Is this what the call waits for?
  std::function<bool(const WorkloadUpdate&)> enough;
  /// Once, at once or on a worker. Errors   kUnavailable: whether there will be more is not known
  std::function<void(const Status&)> go_on;
};

/// Goes on as soon as there is enough, and when the wait is over or there can be none.
void hold_call(Hold& hold, IdentityTable& table, HeldCall held);

}  // namespace signet::agent
