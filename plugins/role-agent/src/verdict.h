// What a server's refusal means for the agent: the reason it attaches to PERMISSION_DENIED.
#pragma once

#include "signet/status.h"

namespace signet::agent {

enum class Verdict {
  kNone,      // no judgement on this agent: try again later
  kReattest,  // its SVID expired, was superseded or revoked: it must attest anew
  kBanned,    // it must not come back
};

/// From the google.protobuf.Any in `status`' detail, a spire.api.types.PermissionDeniedDetails.
Verdict verdict_of(const Status& status);

}  // namespace signet::agent
