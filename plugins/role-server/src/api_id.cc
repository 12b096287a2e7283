#include "api_id.h"

namespace signet::server {
namespace {

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

Status outside(const TrustDomain& domain, const SpiffeId& id, std::string_view what,
               std::string_view reason) {
  std::string text = quoted(id.to_string());
  text.append(" is not ").append(what).append(" trust domain ").append(quoted(domain.name()));
  if (!reason.empty()) text.append("; ").append(reason);
  return Status::invalid_argument(std::move(text));
}

bool reserved(std::string_view path) { return path == "/spire" || path.starts_with("/spire/"); }

using Check = Status (*)(const TrustDomain&, const SpiffeId&);

Result<SpiffeId> checked(const TrustDomain& domain, const spire::api::types::SPIFFEID* id,
                         Check check) {
  SIGNET_TRY(SpiffeId parsed, id_from_api(id));
  SIGNET_RETURN_IF_ERROR(check(domain, parsed));
  return parsed;
}

}  // namespace

Result<SpiffeId> id_from_api(const spire::api::types::SPIFFEID* id) {
  if (id == nullptr) return Status::invalid_argument("request must specify SPIFFE ID");
  SIGNET_TRY(const TrustDomain domain, TrustDomain::parse_name_or_id(id->trust_domain()));
  return SpiffeId::make(domain, id->path());
}

Status check_member(const TrustDomain& domain, const SpiffeId& id) {
  if (!id.member_of(domain)) return outside(domain, id, "a member of", "");
  if (id.path().empty()) return outside(domain, id, "a member of", "path is empty");
  return {};
}

Status check_workload(const TrustDomain& domain, const SpiffeId& id) {
  if (!id.member_of(domain)) return outside(domain, id, "a member of", "");
  if (id.path().empty()) return outside(domain, id, "a workload in", "path is empty");
  if (reserved(id.path())) {
    return outside(domain, id, "a workload in", "path is in the reserved namespace");
  }
  return {};
}

Status check_agent(const TrustDomain& domain, const SpiffeId& id) {
  if (!id.member_of(domain)) return outside(domain, id, "a member of", "");
  if (id.path().empty()) return outside(domain, id, "an agent in", "path is empty");
  if (!id.path().starts_with("/spire/agent/")) {
    return outside(domain, id, "an agent in", "path is not in the agent namespace");
  }
  return {};
}

Result<SpiffeId> member_id_from_api(const TrustDomain& domain,
                                    const spire::api::types::SPIFFEID* id) {
  return checked(domain, id, &check_member);
}
Result<SpiffeId> workload_id_from_api(const TrustDomain& domain,
                                      const spire::api::types::SPIFFEID* id) {
  return checked(domain, id, &check_workload);
}
Result<SpiffeId> agent_id_from_api(const TrustDomain& domain,
                                   const spire::api::types::SPIFFEID* id) {
  return checked(domain, id, &check_agent);
}

void id_to_api(const SpiffeId& id, spire::api::types::SPIFFEID* out) {
  out->set_trust_domain(std::string(id.trust_domain_name()));
  out->set_path(std::string(id.path()));
}

std::string id_text(const spire::api::types::SPIFFEID& id) {
  std::string text = "spiffe://";
  text.append(id.trust_domain()).append(id.path());
  return text;
}

Result<SpiffeId> join_token_agent_id(const TrustDomain& domain, std::string_view token) {
  return SpiffeId::make(domain, "/spire/agent/join_token/" + std::string(token));
}

}  // namespace signet::server
