#include "workload_client/jwt_bundles.h"

#include "spiffe/workload/workload.pb.h"
#include "workload_client/limits.h"
#include "x509/bundle_json.h"

namespace signet::workload_client {
namespace {

Status add(JwtBundleSet& set, const std::string& name, const std::string& jwks) {
  SIGNET_TRY(const TrustDomain domain, TrustDomain::parse_name_or_id(name));
  auto authorities = x509::read_jwks(jwks);
  if (!authorities) return authorities.status().prefixed("bundle of " + domain.name());
  const Status kept = set.keys.add(domain, *authorities);
  if (!kept.ok()) return kept.prefixed("bundle of " + domain.name());
  set.bundles.insert_or_assign(domain.name(), *std::move(authorities));
  return {};
}

}  // namespace

Result<JwtBundleSetPtr> JwtBundleSet::parse(std::string_view response) {
  ::JWTBundlesResponse message;
  if (response.size() > kMaxAnswerBytes ||
      !message.ParseFromArray(response.data(), static_cast<int>(response.size()))) {
    return Status::invalid_argument("the answer is no JWTBundlesResponse");
  }
  if (message.bundles().empty()) return Status::invalid_argument("the answer has no bundle");
  if (message.bundles().size() > kMaxTrustDomains)
    return Status::invalid_argument("the answer has too many bundles");
  auto out = std::make_shared<JwtBundleSet>();
  for (const auto& [name, jwks] : message.bundles()) {
    SIGNET_RETURN_IF_ERROR(add(*out, name, jwks));
  }
  return JwtBundleSetPtr(std::move(out));
}

}  // namespace signet::workload_client
