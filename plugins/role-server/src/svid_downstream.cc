// The SVID service, servers below this one: their CA certificates.
#include <algorithm>

#include "api_status.h"
#include "authorities.h"
#include "method_registry.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "svid_service.h"
#include "trust_bundles.h"
#include "x509/csr.h"

namespace signet::server {
namespace {

namespace api = spire::api::server::svid::v1;

// What is signed is always a CA of this trust domain and nothing else; a request that says it is
// for another one is a mistake of its sender. The key has to be a new one: with a key that is
// somebody's already, what that one signs would be believed for two reasons and revoked for
// neither.
Status check_request(const CallContext& call, const x509::Csr& csr, const X509Authority& signer,
                     const BundleSnapshot& bundle) {
  const std::string own = call.services().trust_domain().id_string();
  for (const std::string& uri : csr.uris()) {
    if (uri != own) return Status::invalid_argument("the URI SAN is not \"" + own + "\"");
  }
  const crypto::ByteView key = csr.public_key().spki();
  bool known = crypto::equal(key, signer.certificate.spki());
  for (const auto& root : bundle.bundle.x509_authorities) {
    known = known || crypto::equal(key, root.certificate.spki());
  }
  if (known) return Status::invalid_argument("the key is that of an authority already");
  return {};
}

Status new_downstream_ca(CallContext& call, const api::NewDownstreamX509CARequest& request,
                         api::NewDownstreamX509CAResponse& response) {
  const Host& host = call.host();
  if (call.auditing()) {
    call.audit("csr", hash_of(request.csr()));
    call.audit("trust_domain_id", call.services().trust_domain().id_string());
  }
  const auto csr = x509::Csr::parse_and_verify(crypto::as_bytes(request.csr()));
  if (!csr) {
    return api_error(host, Code::kInvalidArgument,
                     is_signature_problem(csr.status()) ? "invalid CSR signature" : "malformed CSR",
                     csr.status());
  }
  const X509AuthorityPtr authority = call.services().authorities->x509();
  if (!authority) {
    return api_error(host, Code::kInternal, "failed to sign downstream X.509 CA",
                     no_x509_authority());
  }
  const ServerConfig& config = *call.services().config;
  const BundlePtr bundle = call.services().bundles->own();
  if (!bundle) return api_error(host, Code::kNotFound, "bundle not found");
  if (const Status good = check_request(call, *csr, *authority, *bundle); !good.ok()) {
    return api_error(host, Code::kInvalidArgument, "malformed CSR", good);
  }
  const auto ca = x509::sign_downstream_ca(
      config.trust_domain,
      {.now = x509::from_unix(host.unix_seconds()),
       .ttl = ttl_or(request.preferred_ttl(), config.ca_ttl),
       .signer_chain_length = std::max<std::size_t>(1, authority->upstream_chain.size()),
       .max_path = config.downstream_max_path,
       .name_constraints = config.downstream_name_constraints},
      csr->public_key().spki(), authority->certificate, authority->issuer.signer());
  if (!ca) {
    return api_error(host, Code::kInternal, "failed to sign downstream X.509 CA", ca.status());
  }
  response.add_ca_cert_chain(crypto::to_string(ca->der()));
  // An authority that others signed is itself a link of the chain; a self-signed one is a root.
  for (const std::string& der : authority->upstream_chain) response.add_ca_cert_chain(der);
  for (const auto& root : bundle->message.x509_authorities()) {
    response.add_x509_authorities(root.asn1());
  }
  host.count("server_ca.sign.x509_ca_svid");
  return {};
}

}  // namespace

void register_svid_downstream(MethodRegistry& methods) {
  methods.unary("/spire.api.server.svid.v1.SVID/NewDownstreamX509CA", new_downstream_ca);
}

}  // namespace signet::server
