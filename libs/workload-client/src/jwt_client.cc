#include "workload_client/jwt_client.h"

#include <google/protobuf/util/json_util.h>

#include "spiffe/workload/workload.pb.h"

namespace signet::workload_client {

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
  if (!response.ParseFromString(bytes)) return Status::internal("the answer is no JWTSVIDResponse");
  std::vector<JwtSvid> out;
  for (const ::JWTSVID& svid : response.svids()) {
    SIGNET_TRY(SpiffeId id, SpiffeId::parse(svid.spiffe_id()));
    out.push_back({std::move(id), svid.svid(), svid.hint()});
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
  if (!response.ParseFromString(bytes))
    return Status::internal("the answer is no ValidateJWTSVIDResponse");
  SIGNET_TRY(SpiffeId id, SpiffeId::parse(response.spiffe_id()));
  std::string claims;
  const auto printed = google::protobuf::util::MessageToJsonString(response.claims(), &claims);
  if (!printed.ok()) return Status::internal("the answer's claims cannot be read");
  return ValidatedJwt{std::move(id), std::move(claims)};
}

}  // namespace signet::workload_client
