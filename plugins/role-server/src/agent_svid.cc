#include "agent_svid.h"

#include "api_id.h"
#include "api_status.h"
#include "authorities.h"
#include "x509/csr.h"

namespace signet::server {

void fill_x509_svid(const X509Authority& authority, const SpiffeId& id,
                    const x509::IssuedSvid& svid, spire::api::types::X509SVID* out) {
  id_to_api(id, out->mutable_id());
  out->set_expires_at(x509::to_unix(svid.not_after));
  out->mutable_cert_chain()->Reserve(1 + static_cast<int>(authority.upstream_chain.size()));
  out->add_cert_chain(svid.der.data(), svid.der.size());
  for (const std::string& der : authority.upstream_chain) out->add_cert_chain(der);
}

Result<AgentSvid> sign_agent_svid(const CallContext& call, const SpiffeId& id,
                                  std::string_view csr_der) {
  const Host& host = call.host();
  const auto csr = x509::Csr::parse_and_verify(crypto::as_bytes(csr_der));
  if (!csr) {
    return api_error(host, Code::kInvalidArgument, "failed to parse CSR", csr.status());
  }
  const X509AuthorityPtr authority = call.services().authorities->x509();
  if (!authority) {
    return api_error(host, Code::kInternal, "failed to sign X509 SVID",
                     Status::unavailable("X509 CA is not available for signing"));
  }
  if (!id.member_of(call.services().trust_domain())) {
    return api_error(host, Code::kInternal, "failed to sign X509 SVID",
                     check_member(call.services().trust_domain(), id));
  }
  const auto svid = authority->issuer.issue({.spiffe_id = id.to_string(),
                                             .spki = csr->public_key().spki(),
                                             .now = x509::from_unix(host.unix_seconds()),
                                             .ttl = call.services().config->agent_ttl});
  if (!svid) return api_error(host, Code::kInternal, "failed to sign X509 SVID", svid.status());
  host.count("server_ca.sign.x509_svid");
  AgentSvid out;
  out.serial = svid->serial_decimal();
  out.expires_at = x509::to_unix(svid->not_after);
  fill_x509_svid(*authority, id, *svid, &out.message);
  return out;
}

void agent_to_api(const AgentRecord& agent, const spire::api::types::AgentMask* mask,
                  spire::api::types::Agent* out) {
  const signet::store::v1::Agent& body = agent.body;
  *out->mutable_id() = body.id();
  if (mask == nullptr || mask->attestation_type()) {
    out->set_attestation_type(body.attestation_type());
  }
  if (mask == nullptr || mask->x509svid_serial_number()) {
    out->set_x509svid_serial_number(body.serial_number());
  }
  if (mask == nullptr || mask->x509svid_expires_at()) {
    out->set_x509svid_expires_at(body.expires_at());
  }
  if (mask == nullptr || mask->selectors()) *out->mutable_selectors() = body.selectors();
  if (mask == nullptr || mask->banned()) out->set_banned(agent.banned());
  if (mask == nullptr || mask->can_reattest()) out->set_can_reattest(body.can_reattest());
  if (mask == nullptr || mask->agent_version()) out->set_agent_version(body.agent_version());
}

}  // namespace signet::server
