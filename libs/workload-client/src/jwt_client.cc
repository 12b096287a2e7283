#include "workload_client/jwt_client.h"

#include <algorithm>
#include <set>

#include <google/protobuf/util/json_util.h>

#include "spiffe/workload/workload.pb.h"
#include "workload_client/limits.h"

namespace signet::workload_client {
namespace {

Result<JwtSvid> read_svid(const ::JWTSVID& message, const std::vector<std::string>& audience) {
  SIGNET_TRY(SpiffeId id, SpiffeId::parse(message.spiffe_id()));
  SIGNET_TRY(jwt::Svid token, jwt::parse_unverified(message.svid()));
  if (token.spiffe_id != id) return Status::invalid_argument("the token is another identity's");
  const bool meant = std::ranges::any_of(token.audience, [&](const std::string& one) {
    return std::ranges::find(audience, one) != audience.end();
  });
  if (!meant) return Status::invalid_argument("the token is for another audience");
  if (token.expires_at + jwt::kLeeway < std::chrono::system_clock::now())
    return Status::invalid_argument("the token has expired");
  return JwtSvid{std::move(id), message.svid(), message.hint(), std::move(token.audience),
                 token.expires_at};
}

}  // namespace

Result<std::vector<JwtSvid>> fetch_jwt_svids(Transport& transport,
                                             const std::vector<std::string>& audience,
                                             const std::string& spiffe_id,
                                             std::chrono::milliseconds timeout) {
  ::JWTSVIDRequest request;
  for (const std::string& one : audience) request.add_audience(one);
  request.set_spiffe_id(spiffe_id);
  SIGNET_TRY(const std::string bytes, transport.call("/SpiffeWorkloadAPI/FetchJWTSVID",
                                                     request.SerializeAsString(), timeout));
  ::JWTSVIDResponse response;
  if (bytes.size() > kMaxAnswerBytes || !response.ParseFromString(bytes))
    return Status::internal("the answer is no JWTSVIDResponse");
  if (static_cast<std::size_t>(response.svids_size()) > kMaxIdentities)
    return Status::internal("the answer has too many identities");
  std::vector<JwtSvid> out;
  std::set<std::string> hints;
  for (const ::JWTSVID& svid : response.svids()) {
    auto one = read_svid(svid, audience);
    if (!one)
      return one.status().prefixed("identity " + svid.spiffe_id()).with_code(Code::kInternal);
    if (!one->hint.empty() && !hints.insert(one->hint).second) continue;
    out.push_back(*std::move(one));
  }
  if (out.empty()) return Status::internal("the answer has no JWT-SVID");
  return out;
}

Result<ValidatedJwt> validate_jwt_svid(Transport& transport, const std::string& audience,
                                       const std::string& token,
                                       std::chrono::milliseconds timeout) {
  ::ValidateJWTSVIDRequest request;
  request.set_audience(audience);
  request.set_svid(token);
  SIGNET_TRY(const std::string bytes, transport.call("/SpiffeWorkloadAPI/ValidateJWTSVID",
                                                     request.SerializeAsString(), timeout));
  ::ValidateJWTSVIDResponse response;
  if (bytes.size() > kMaxAnswerBytes || !response.ParseFromString(bytes))
    return Status::internal("the answer is no ValidateJWTSVIDResponse");
  auto id = SpiffeId::parse(response.spiffe_id());
  if (!id) return id.status().with_code(Code::kInternal);
  std::string claims;
  const auto printed = google::protobuf::util::MessageToJsonString(response.claims(), &claims);
  if (!printed.ok()) return Status::internal("the answer's claims cannot be read");
  return ValidatedJwt{*std::move(id), std::move(claims)};
}

}  // namespace signet::workload_client
