// What several of the agent's services have to refuse, in the same words and with the same code.
#pragma once

#include "signet/status.h"

namespace signet::agent {

// ---- the caller is refused

inline Status no_identity() { return Status::permission_denied("no identity issued"); }
inline Status no_audience() { return Status::invalid_argument("audience must be specified"); }

// ---- the caller may try again

inline Status attestation_failed() { return Status::unavailable("workload attestation failed"); }
inline Status overloaded() { return Status::unavailable("the agent is overloaded"); }
inline Status shutting_down() { return Status::unavailable("the agent is shutting down"); }
inline Status not_ready() {
  return Status::unavailable("the agent does not know yet whether there is an identity");
}
inline Status no_bundle() {
  return Status::unavailable("could not serialize response: bundle not available");
}
inline Status identity_expired() {
  return Status::unavailable("the identity has expired and could not be renewed");
}

// ---- what the agent itself had begun

inline Status cancelled_at_the_end() { return Status::cancelled("the agent is shutting down"); }

}  // namespace signet::agent
