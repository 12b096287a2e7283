// SyncAuthorizedEntries: an agent's list of entries, in full when it is short, else as revision
// numbers first and the entries that the agent asks for after that.
#pragma once

#include <memory>
#include <string_view>

#include "call_context.h"
#include "entry_index.h"

namespace signet::server {

/// Takes the call over. The revisions are those at this moment; an entry that is asked for is given
/// as it is then, if the agent is still authorised for it. `index` outlives the call.
void start_entry_sync(std::shared_ptr<CallContext> call, const EntryIndex& index,
                      std::string_view first);

}  // namespace signet::server
