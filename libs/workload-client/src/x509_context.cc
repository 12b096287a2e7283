#include "workload_client/x509_context.h"

#include <set>

#include "spiffe/workload/workload.pb.h"
#include "workload_client/limits.h"

namespace signet::workload_client {
namespace {

Result<X509Svid> read_svid(const ::X509SVID& message) {
  SIGNET_TRY(const SpiffeId id, SpiffeId::parse(message.spiffe_id()));
  if (id.path().empty()) return Status::invalid_argument("the SPIFFE ID has no path");
  SIGNET_TRY(x509::SvidWithKey svid, x509::parse_svid(crypto::as_bytes(message.x509_svid()),
                                                      crypto::as_bytes(message.x509_svid_key())));
  if (svid.spiffe_id != id)
    return Status::invalid_argument("the certificate is another identity's");
  for (std::size_t n = 1; n < svid.chain.size(); ++n) {
    const x509::Certificate& link = svid.chain[n];
    if (!link.is_ca() || (link.key_usage().value_or(0) & x509::kKeyCertSign) == 0)
      return Status::invalid_argument("a certificate behind the leaf is no authority's");
  }
  auto key = std::make_shared<const crypto::SecretBytes>(crypto::as_bytes(message.x509_svid_key()));
  return X509Svid{id, std::move(svid.chain), std::move(key), message.hint()};
}

Result<X509ContextPtr> read(const ::X509SVIDResponse& message) {
  if (message.svids().empty()) return Status::invalid_argument("the answer has no identity");
  if (static_cast<std::size_t>(message.svids_size()) > kMaxIdentities)
    return Status::invalid_argument("the answer has too many identities");
  auto context = std::make_shared<X509Context>();
  std::set<std::string> hints;
  for (const ::X509SVID& svid : message.svids()) {
    Result<X509Svid> one = read_svid(svid);
    if (!one) return one.status().prefixed("identity " + svid.spiffe_id());
    SIGNET_RETURN_IF_ERROR(add_x509_bundle(
        context->bundles, std::string(one->spiffe_id.trust_domain_name()), svid.bundle()));
    if (!one->hint.empty() && !hints.insert(one->hint).second) continue;
    context->svids.push_back(*std::move(one));
  }
  for (const auto& [name, der] : message.federated_bundles()) {
    SIGNET_RETURN_IF_ERROR(add_x509_bundle(context->bundles, name, der));
  }
  return X509ContextPtr(std::move(context));
}

}  // namespace

Result<X509ContextPtr> X509Context::parse(std::string_view response) {
  ::X509SVIDResponse message;
  const bool parsed = response.size() <= kMaxAnswerBytes &&
                      message.ParseFromArray(response.data(), static_cast<int>(response.size()));
  Result<X509ContextPtr> out =
      parsed ? read(message) : Status::invalid_argument("the answer is no X509SVIDResponse");
  for (::X509SVID& svid : *message.mutable_svids()) crypto::wipe(*svid.mutable_x509_svid_key());
  return out;
}

}  // namespace signet::workload_client
