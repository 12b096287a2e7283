#include "workload_client/x509_context.h"

#include "spiffe/workload/workload.pb.h"

namespace signet::workload_client {
namespace {

Status add_bundle(X509Context& context, const std::string& name, const std::string& der) {
  SIGNET_TRY(const TrustDomain domain, TrustDomain::parse_name_or_id(name));
  auto roots = x509::Certificate::parse_concatenated(crypto::as_bytes(der));
  if (!roots) return roots.status().prefixed("bundle of " + domain.name());
  context.bundles.insert_or_assign(domain.name(), x509::RootPool(*roots));
  return {};
}

Result<X509Svid> read_svid(const ::X509SVID& message) {
  SIGNET_TRY(const SpiffeId id, SpiffeId::parse(message.spiffe_id()));
  if (id.path().empty()) return Status::invalid_argument("the SPIFFE ID has no path");
  SIGNET_TRY(x509::SvidWithKey svid, x509::parse_svid(crypto::as_bytes(message.x509_svid()),
                                                      crypto::as_bytes(message.x509_svid_key())));
  if (svid.spiffe_id != id)
    return Status::invalid_argument("the certificate is another identity's");
  auto key = std::make_shared<const crypto::SecretBytes>(crypto::as_bytes(message.x509_svid_key()));
  return X509Svid{id, std::move(svid.chain), std::move(key), message.hint()};
}

}  // namespace

Result<std::shared_ptr<const X509Context>> X509Context::parse(std::string_view response) {
  ::X509SVIDResponse message;
  if (!message.ParseFromArray(response.data(), static_cast<int>(response.size()))) {
    return Status::invalid_argument("the answer is no X509SVIDResponse");
  }
  auto context = std::make_shared<X509Context>();
  Status status;
  for (::X509SVID& svid : *message.mutable_svids()) {
    Result<X509Svid> read = read_svid(svid);
    crypto::wipe(*svid.mutable_x509_svid_key());
    if (read && status.ok())
      status = add_bundle(*context, "spiffe://" + std::string(read->spiffe_id.trust_domain_name()),
                          svid.bundle());
    if (!read && status.ok()) status = read.status().prefixed("identity " + svid.spiffe_id());
    if (read) context->svids.push_back(std::move(*read));
  }
  SIGNET_RETURN_IF_ERROR(status);
  if (context->svids.empty()) return Status::invalid_argument("the answer has no identity");
  for (const auto& [name, der] : message.federated_bundles()) {
    SIGNET_RETURN_IF_ERROR(add_bundle(*context, name, der));
  }
  return std::shared_ptr<const X509Context>(std::move(context));
}

}  // namespace signet::workload_client
