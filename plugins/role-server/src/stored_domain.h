// Whose records a datastore holds: a server of another trust domain must not work on them.
#pragma once

#include <string>

#include "signet/datastore.h"
#include "signet/spiffe_id.h"

namespace signet::server {

// The trust domain of the first entry and of the first agent; "": there is none, or it cannot be
// read.
struct StoredDomains {
  std::string entries;
  std::string agents;
};
Result<StoredDomains> stored_domains(Transaction& tx);

/// As the peer at each start: entries of another trust domain are fatal, agents are warned about.
/// Errors   kFailedPrecondition, the datastore's
Status refuse_other_domain(const Host& host, const Datastore& datastore, const TrustDomain& domain);

}  // namespace signet::server
