#include "workload_client/jwt_source.h"

namespace signet::workload_client {

Result<JwtSvid> JwtSource::fetch_svid(const std::vector<std::string>& audience,
                                      const std::string& spiffe_id,
                                      std::chrono::milliseconds timeout) const {
  SIGNET_TRY(std::vector<JwtSvid> all, fetch_jwt_svids(transport_, audience, spiffe_id, timeout));
  return std::move(all.front());
}

Result<jwt::Svid> JwtSource::validate(std::string_view token, std::string_view audience) const {
  const JwtBundleSetPtr now = bundles_.current();
  if (!now) return Status::unavailable("there is no JWT bundle yet");
  return jwt::validate_svid(
      token, now->keys, audience,
      std::chrono::time_point_cast<jwt::Time::duration>(std::chrono::system_clock::now()));
}

}  // namespace signet::workload_client
