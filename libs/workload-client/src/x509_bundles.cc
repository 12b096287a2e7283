#include "workload_client/x509_bundles.h"

#include "spiffe/workload/workload.pb.h"
#include "workload_client/limits.h"

namespace signet::workload_client {

Status add_x509_bundle(X509Bundles& bundles, const std::string& name, std::string_view der) {
  SIGNET_TRY(const TrustDomain domain, TrustDomain::parse_name_or_id(name));
  auto roots = x509::Certificate::parse_concatenated(crypto::as_bytes(der));
  if (!roots) return roots.status().prefixed("bundle of " + domain.name());
  bundles.insert_or_assign(domain.name(), x509::RootPool(*roots));
  if (bundles.size() > kMaxTrustDomains)
    return Status::invalid_argument("the answer has too many bundles");
  return {};
}

Result<X509BundleSetPtr> X509BundleSet::parse(std::string_view response) {
  ::X509BundlesResponse message;
  if (response.size() > kMaxAnswerBytes ||
      !message.ParseFromArray(response.data(), static_cast<int>(response.size()))) {
    return Status::invalid_argument("the answer is no X509BundlesResponse");
  }
  auto out = std::make_shared<X509BundleSet>();
  for (const auto& [name, der] : message.bundles()) {
    SIGNET_RETURN_IF_ERROR(add_x509_bundle(out->bundles, name, der));
  }
  if (out->bundles.empty()) return Status::invalid_argument("the answer has no bundle");
  return X509BundleSetPtr(std::move(out));
}

}  // namespace signet::workload_client
