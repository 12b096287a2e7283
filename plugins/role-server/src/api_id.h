// SPIFFE IDs as they travel in the API, {trust_domain, path}, and the checks that the server's
// services make on them, with SPIRE's texts.
#pragma once

#include "signet/spiffe_id.h"
#include "signet/status.h"

#include "spire/api/types/spiffeid.pb.h"

namespace signet::server {

/// The ID a message holds; nothing about its place is checked.
/// Errors   kInvalidArgument, `id` being nullptr or absent: "request must specify SPIFFE ID"
Result<SpiffeId> id_from_api(const spire::api::types::SPIFFEID* id);
/// One of our trust domain with a path.
Result<SpiffeId> member_id_from_api(const TrustDomain& domain,
                                    const spire::api::types::SPIFFEID* id);
/// A member outside the reserved path /spire.
Result<SpiffeId> workload_id_from_api(const TrustDomain& domain,
                                      const spire::api::types::SPIFFEID* id);
/// A member below /spire/agent/.
Result<SpiffeId> agent_id_from_api(const TrustDomain& domain,
                                   const spire::api::types::SPIFFEID* id);

// The same checks on an ID at hand. Errors   kInvalidArgument
Status check_member(const TrustDomain& domain, const SpiffeId& id);
Status check_workload(const TrustDomain& domain, const SpiffeId& id);
Status check_agent(const TrustDomain& domain, const SpiffeId& id);

void id_to_api(const SpiffeId& id, spire::api::types::SPIFFEID* out);
/// "spiffe://<trust_domain><path>" without a check.
std::string id_text(const spire::api::types::SPIFFEID& id);
/// The join-token agent's ID, spiffe://<td>/spire/agent/join_token/<token>.
Result<SpiffeId> join_token_agent_id(const TrustDomain& domain, std::string_view token);

}  // namespace signet::server
