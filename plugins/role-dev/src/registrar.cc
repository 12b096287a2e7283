#include "registrar.h"

#include "crypto/pem.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::dev {
namespace {

namespace agents = spire::api::server::agent::v1;
namespace bundles = spire::api::server::bundle::v1;
namespace entries = spire::api::server::entry::v1;
namespace types = spire::api::types;

constexpr std::chrono::seconds kCallTime{10};
constexpr std::int32_t kTokenSeconds = 600;
constexpr std::int64_t kStillGoodSeconds = 60;

void set_id(const SpiffeId& id, types::SPIFFEID* out) {
  out->set_trust_domain(std::string(id.trust_domain_name()));
  out->set_path(std::string(id.path()));
}

}  // namespace

Result<Registrar> Registrar::connect(const Host& host, const TrustDomain& trust_domain,
                                     const std::string& admin_socket) {
  SIGNET_TRY(auto connection, RpcConnection::create(host, "unix:" + admin_socket, "{}", nullptr));
  return Registrar(host, trust_domain, std::move(connection));
}

template <typename Response, typename Request>
Result<Response> Registrar::ask(const char* method, const Request& request) {
  auto answer = connection_->call<Response>(method, request, host_.deadline_in(kCallTime));
  if (!answer) return answer.status().prefixed(method);
  return answer;
}

Result<std::string> Registrar::bundle_pem() {
  bundles::GetBundleRequest request;
  request.mutable_output_mask()->set_x509_authorities(true);
  SIGNET_TRY(const auto bundle,
             ask<types::Bundle>("/spire.api.server.bundle.v1.Bundle/GetBundle", request));
  std::string pem;
  for (const types::X509Certificate& authority : bundle.x509_authorities()) {
    pem += crypto::write_pem("CERTIFICATE", crypto::as_bytes(authority.asn1()));
  }
  if (pem.empty()) return Status::internal("the server has no X.509 authority");
  return pem;
}

Result<bool> Registrar::knows_good_agent() {
  agents::ListAgentsRequest request;
  request.mutable_filter()->mutable_by_banned()->set_value(false);
  request.mutable_output_mask()->set_x509svid_expires_at(true);
  do {
    SIGNET_TRY(const auto page, ask<agents::ListAgentsResponse>(
                                    "/spire.api.server.agent.v1.Agent/ListAgents", request));
    for (const types::Agent& agent : page.agents()) {
      if (agent.x509svid_expires_at() > host_.unix_seconds() + kStillGoodSeconds) return true;
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return false;
}

Result<std::string> Registrar::token_for_new_agent(const SpiffeId& node_id) {
  SIGNET_RETURN_IF_ERROR(remove_aliases(node_id));
  agents::CreateJoinTokenRequest request;
  request.set_ttl(kTokenSeconds);
  set_id(node_id, request.mutable_agent_id());
  SIGNET_TRY(const auto token,
             ask<types::JoinToken>("/spire.api.server.agent.v1.Agent/CreateJoinToken", request));
  return token.value();
}

Status Registrar::remove_aliases(const SpiffeId& node_id) {
  entries::ListEntriesRequest request;
  set_id(node_id, request.mutable_filter()->mutable_by_spiffe_id());
  request.mutable_output_mask()->set_spiffe_id(true);
  SIGNET_TRY(const auto found, ask<entries::ListEntriesResponse>(
                                   "/spire.api.server.entry.v1.Entry/ListEntries", request));
  entries::BatchDeleteEntryRequest removal;
  for (const types::Entry& entry : found.entries()) removal.add_ids(entry.id());
  if (removal.ids().empty()) return {};
  return ask<entries::BatchDeleteEntryResponse>("/spire.api.server.entry.v1.Entry/BatchDeleteEntry",
                                                removal)
      .status();
}

Status Registrar::register_user(const SpiffeId& spiffe_id, const SpiffeId& node_id, unsigned uid) {
  entries::BatchCreateEntryRequest request;
  types::Entry* const entry = request.add_entries();
  set_id(spiffe_id, entry->mutable_spiffe_id());
  set_id(node_id, entry->mutable_parent_id());
  types::Selector* const selector = entry->add_selectors();
  selector->set_type("unix");
  selector->set_value("uid:" + std::to_string(uid));
  SIGNET_TRY(const auto answer, ask<entries::BatchCreateEntryResponse>(
                                    "/spire.api.server.entry.v1.Entry/BatchCreateEntry", request));
  if (answer.results_size() != 1) return Status::internal("the server answered no entry");
  const types::Status& status = answer.results(0).status();
  const auto code = static_cast<Code>(status.code());
  if (code == Code::kOk || code == Code::kAlreadyExists) return {};
  return Status(code, "cannot register " + spiffe_id.to_string() + ": " + status.message());
}

}  // namespace signet::dev
