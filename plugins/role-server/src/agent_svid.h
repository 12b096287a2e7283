// What attestation, renewal and the listing of agents share: signing an agent's SVID and showing
// an agent record.
#pragma once

#include "agent_records.h"
#include "authorities.h"
#include "call_context.h"
#include "spire/api/types/agent.pb.h"
#include "spire/api/types/x509svid.pb.h"
#include "x509/svid_issuer.h"

namespace signet::server {

struct AgentSvid {
  std::string serial;  // decimal
  std::int64_t expires_at = 0;
  spire::api::types::X509SVID message;
};

/// Signs an SVID for `id` with the key of the CSR, whose own signature is checked: it proves that
/// the caller has the key. Errors   kInvalidArgument, kInternal, worded for the wire
Result<AgentSvid> sign_agent_svid(const CallContext& call, const SpiffeId& id,
                                  std::string_view csr);

/// The fields that `mask` names (nullptr: all); the ID always.
void agent_to_api(const AgentRecord& agent, const spire::api::types::AgentMask* mask,
                  spire::api::types::Agent* out);

/// The chain as SVID messages have it: leaf first, then what lies between it and the root.
void fill_x509_svid(const X509Authority& authority, const SpiffeId& id,
                    const x509::IssuedSvid& svid, spire::api::types::X509SVID* out);

}  // namespace signet::server
