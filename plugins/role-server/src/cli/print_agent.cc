#include "cli/print_agent.h"

#include "signet/spiffe_id.h"

#include "cli/admin_command.h"
#include "cli/go_text.h"

namespace signet::server::cli {

Result<std::string> agent_text(const types::Agent& agent) {
  SIGNET_TRY(const TrustDomain domain, TrustDomain::parse_name_or_id(agent.id().trust_domain()));
  SIGNET_TRY(const SpiffeId id, SpiffeId::make(domain, agent.id().path()));
  std::string text =
      "SPIFFE ID         : " + id.to_string() +
      "\nAttestation type  : " + agent.attestation_type() +
      "\nExpiration time   : " + signet::cli::go_time_local(agent.x509svid_expires_at()) + "\n";
  // A banned agent has no serial number any more.
  text += agent.banned() ? "Banned            : true\n"
                         : "Serial number     : " + agent.x509svid_serial_number() + "\n";
  text += std::string("Can re-attest     : ") + (agent.can_reattest() ? "true" : "false") + "\n";
  if (!agent.agent_version().empty()) text += "Agent version     : " + agent.agent_version() + "\n";
  return text + "\n";
}

}  // namespace signet::server::cli
