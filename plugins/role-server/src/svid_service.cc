// The SVID service: issuing X509-SVIDs; the tokens are in svid_tokens.cc, CA certificates of
// servers below this one in svid_downstream.cc.
//
// BatchNewX509SVID and NewJWTSVID are what a server does all day: they take one snapshot of the
// authority, read entries from memory, and hold no lock while they verify and sign.
#include "svid_service.h"

#include <algorithm>

#include "agent_svid.h"
#include "api_id.h"
#include "api_status.h"
#include "authorities.h"
#include "crypto/encoding.h"
#include "crypto/hash.h"
#include "method_registry.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "spire/api/types/entry.pb.h"
#include "trust_bundles.h"
#include "x509/csr.h"
#include "x509/dns_name.h"

namespace signet::server {
namespace {

namespace api = spire::api::server::svid::v1;
namespace types = spire::api::types;

// ---- X509-SVIDs

// What a CSR must say to be minted as it is: one URI SAN, a workload's, and sound DNS names.
Result<SpiffeId> minted_id(const CallContext& call, const x509::Csr& csr) {
  const Host& host = call.host();
  if (csr.uris().empty()) {
    return api_error(host, Code::kInvalidArgument, "CSR URI SAN is required");
  }
  if (csr.uris().size() > 1) {
    return api_error(host, Code::kInvalidArgument, "only one URI SAN is expected");
  }
  auto id = SpiffeId::parse(csr.uris().front());
  Status valid = id.status();
  if (id) valid = check_workload(call.services().trust_domain(), *id);
  if (!valid.ok()) {
    return api_error(host, Code::kInvalidArgument, "CSR URI SAN is invalid", valid);
  }
  for (const std::string& name : csr.dns_names()) {
    if (const Status good = x509::check_dns_name(name); !good.ok()) {
      return api_error(host, Code::kInvalidArgument, "CSR DNS name is invalid", good);
    }
  }
  if (const Status apart = x509::check_wildcard_overlap(csr.dns_names()); !apart.ok()) {
    return api_error(host, Code::kInvalidArgument,
                     "CSR DNS name contains a wildcard that covers another non-wildcard name",
                     apart);
  }
  return id;
}

Status mint_x509_svid(CallContext& call, const api::MintX509SVIDRequest& request,
                      api::MintX509SVIDResponse& response) {
  const Host& host = call.host();
  if (call.auditing()) {
    call.audit("csr", hash_of(request.csr()));
    call.audit("ttl", std::to_string(request.ttl()));
  }
  if (request.csr().empty()) return api_error(host, Code::kInvalidArgument, "missing CSR");
  const auto csr = x509::Csr::parse_and_verify(crypto::as_bytes(request.csr()));
  if (!csr) {
    return api_error(
        host, Code::kInvalidArgument,
        is_signature_problem(csr.status()) ? "failed to verify CSR signature" : "malformed CSR",
        csr.status());
  }
  SIGNET_TRY(const SpiffeId id, minted_id(call, *csr));
  const X509AuthorityPtr authority = call.services().authorities->x509();
  if (!authority) {
    return api_error(host, Code::kInternal, "failed to sign X509-SVID", no_x509_authority());
  }
  auto subject = x509::Name::parse(csr->subject_raw());
  if (!subject) {
    return api_error(host, Code::kInvalidArgument, "malformed CSR", subject.status());
  }
  const auto svid =
      authority->issuer.issue({.spiffe_id = id.to_string(),
                               .spki = csr->public_key().spki(),
                               .now = x509::from_unix(host.unix_seconds()),
                               .ttl = ttl_or(request.ttl(), call.services().config->x509_svid_ttl),
                               .dns_names = csr->dns_names(),
                               .subject = subject->empty() ? nullptr : &*subject});
  if (!svid) return api_error(host, Code::kInternal, "failed to sign X509-SVID", svid.status());
  fill_x509_svid(*authority, id, *svid, response.mutable_svid());
  call.audit("spiffe_id", id.to_string());
  if (call.auditing()) {
    call.audit_all("dns_name", csr->dns_names());
    call.audit("serial_num", svid->serial_decimal());
    call.audit("expires_at", std::to_string(x509::to_unix(svid->not_after)));
  }
  host.count("server_ca.sign.x509_svid");
  return {};
}

// One item of a batch, so hot that it logs nothing on the good path.
Status new_x509_svid(const CallContext& call, const X509Authority* authority, x509::Time now,
                     const api::NewX509SVIDParams& params, types::X509SVID* out) {
  const Host& host = call.host();
  if (params.entry_id().empty()) {
    return api_error(host, Code::kInvalidArgument, "missing entry ID");
  }
  if (params.csr().empty()) return api_error(host, Code::kInvalidArgument, "missing CSR");
  const ServiceContext& services = call.services();
  const EntryPtr entry =
      services.entries->authorized_entry(call.caller_id().to_string(), params.entry_id());
  if (!entry) {
    return api_error(host, Code::kNotFound, "entry not found or not authorized");
  }
  const auto csr = x509::Csr::parse_and_verify(crypto::as_bytes(params.csr()));
  if (!csr) {
    return api_error(host, Code::kInvalidArgument,
                     is_signature_problem(csr.status()) ? "invalid CSR signature" : "malformed CSR",
                     csr.status());
  }
  const auto id = SpiffeId::parse(id_text(entry->spiffe_id()));
  if (!id) {
    return api_error(host, Code::kInternal, "entry has malformed SPIFFE ID", id.status());
  }
  if (authority == nullptr) {
    return api_error(host, Code::kInternal, "failed to sign X509-SVID", no_x509_authority());
  }
  const std::vector<std::string> dns_names(entry->dns_names().begin(), entry->dns_names().end());
  const auto svid = authority->issuer.issue(
      {.spiffe_id = id->to_string(),
       .spki = csr->public_key().spki(),
       .now = now,
       .ttl = ttl_or(entry->x509_svid_ttl(), services.config->x509_svid_ttl),
       .dns_names = dns_names});
  if (!svid) return api_error(host, Code::kInternal, "failed to sign X509-SVID", svid.status());
  fill_x509_svid(*authority, *id, *svid, out);
  if (host.enabled(LogLevel::kDebug)) {
    host.debug("Signed X509 SVID", {{"spiffe_id", id->to_string()},
                                    {"entry_id", params.entry_id()},
                                    {"serial_num", svid->serial_decimal()},
                                    Field::time("expiration", x509::to_unix(svid->not_after))});
  }
  return {};
}

Status batch_new_x509_svid(CallContext& call, const api::BatchNewX509SVIDRequest& request,
                           api::BatchNewX509SVIDResponse& response) {
  if (request.params().empty()) {
    return api_error(call.host(), Code::kInvalidArgument, "missing parameters");
  }
  const X509AuthorityPtr authority = call.services().authorities->x509();
  const x509::Time now = x509::from_unix(call.host().unix_seconds());
  response.mutable_results()->Reserve(request.params_size());
  int signed_count = 0;
  for (const api::NewX509SVIDParams& params : request.params()) {
    auto* result = response.add_results();
    types::X509SVID svid;
    const Status status = new_x509_svid(call, authority.get(), now, params, &svid);
    fill_status(status, result->mutable_status());
    if (status.ok()) {
      *result->mutable_svid() = std::move(svid);
      ++signed_count;
    }
    if (call.auditing()) {
      AuditFields fields = {{"entry_id", params.entry_id()}, {"csr", hash_of(params.csr())}};
      if (status.ok()) {
        fields.emplace_back("expires_at", std::to_string(result->svid().expires_at()));
      }
      call.audit_item(status, fields);
    }
  }
  for (int i = 0; i < signed_count; ++i) call.host().count("server_ca.sign.x509_svid");
  return {};
}

}  // namespace

void register_svid_service(MethodRegistry& methods, ServiceContext&) {
  const std::string prefix = "/spire.api.server.svid.v1.SVID/";
  methods.unary(prefix + "MintX509SVID", mint_x509_svid);
  methods.unary(prefix + "BatchNewX509SVID", batch_new_x509_svid);
  register_svid_tokens(methods);
  register_svid_downstream(methods);
}

}  // namespace signet::server
