// Who may talk to us, asked after a peer has proven its ID: by ID, by trust domain, or by any
// function.
//
//   authorize_one_of({db, cache})
//   [](const SpiffeId& peer) { return peer.path().starts_with("/ns/shop/") ? Status() : no(peer); }
#pragma once

#include <functional>
#include <vector>

#include "signet/spiffe_id.h"

namespace signet::workload_client {

// May a peer with this ID talk to us? An error refuses it, and so does an exception. Called in the
// handshake, by several threads at once: it does not block.
using Authorize = std::function<Status(const SpiffeId& peer)>;

/// Everybody with a valid SVID of a trust domain whose bundle is known.
Authorize authorize_any();
Authorize authorize_id(SpiffeId id);
Authorize authorize_one_of(std::vector<SpiffeId> ids);  // of none: nobody
Authorize authorize_member_of(TrustDomain trust_domain);

}  // namespace signet::workload_client
