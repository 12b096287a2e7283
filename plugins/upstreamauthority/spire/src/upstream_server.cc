#include "upstream_server.h"

#include <limits>

#include "spire/api/server/bundle/v1/bundle.pb.h"

namespace signet::spire_upstream {
namespace {

namespace bundle_v1 = ::spire::api::server::bundle::v1;
namespace svid_v1 = ::spire::api::server::svid::v1;
namespace types = ::spire::api::types;

constexpr std::chrono::seconds kTimeout{30};
constexpr std::chrono::seconds kBundleTimeout{
    5};  // it is asked for again soon; a stop waits for it

template <typename Key>
void fill(Key& authority, const UpstreamKey& key) {
  authority.set_key_id(key.key_id);
  authority.set_public_key(key.public_key);
  authority.set_expires_at(key.expires_at);
}

}  // namespace

void UpstreamServer::renew_connection() {
  std::shared_ptr<RpcConnection> gone;  // hung up without the lock, when its last call has ended
  const std::lock_guard lock(mutex_);
  gone = std::exchange(connection_, nullptr);
}

template <typename Response, typename Request>
Result<Response> UpstreamServer::call(const char* method, const Request& request,
                                      std::chrono::seconds timeout) {
  SIGNET_RETURN_IF_ERROR(identity_.ready());
  std::shared_ptr<RpcConnection> connection;
  {
    const std::lock_guard lock(mutex_);
    if (!connection_) {
      SIGNET_TRY(connection_, RpcConnection::create(host_, uri_, R"({"tls":true})", &identity_));
    }
    connection = connection_;
  }
  auto answer = connection->call<Response>(method, request, host_.deadline_in(timeout));
  if (answer) return answer;
  std::shared_ptr<RpcConnection> gone;
  {
    const std::lock_guard lock(mutex_);
    if (connection_ == connection) gone = std::exchange(connection_, nullptr);
  }
  return answer.status().prefixed("upstream server");
}

Result<svid_v1::NewDownstreamX509CAResponse> UpstreamServer::new_downstream_ca(std::string_view csr,
                                                                               std::int64_t ttl_s) {
  svid_v1::NewDownstreamX509CARequest request;
  request.set_csr(std::string(csr));
  request.set_preferred_ttl(static_cast<std::int32_t>(
      std::clamp<std::int64_t>(ttl_s, 0, std::numeric_limits<std::int32_t>::max())));
  return call<svid_v1::NewDownstreamX509CAResponse>(
      "/spire.api.server.svid.v1.SVID/NewDownstreamX509CA", request, kTimeout);
}

Result<UpstreamKeys> UpstreamServer::publish_jwt_key(const UpstreamKey& key) {
  bundle_v1::PublishJWTAuthorityRequest request;
  fill(*request.mutable_jwt_authority(), key);
  SIGNET_TRY(const auto answer,
             call<bundle_v1::PublishJWTAuthorityResponse>(
                 "/spire.api.server.bundle.v1.Bundle/PublishJWTAuthority", request, kTimeout));
  return keys_from_api(answer.jwt_authorities());
}

Result<UpstreamKeys> UpstreamServer::publish_wit_key(const UpstreamKey& key) {
  bundle_v1::PublishWITAuthorityRequest request;
  fill(*request.mutable_wit_authority(), key);
  SIGNET_TRY(const auto answer,
             call<bundle_v1::PublishWITAuthorityResponse>(
                 "/spire.api.server.bundle.v1.Bundle/PublishWITAuthority", request, kTimeout));
  return keys_from_api(answer.wit_authorities());
}

Result<types::Bundle> UpstreamServer::bundle() {
  return call<types::Bundle>("/spire.api.server.bundle.v1.Bundle/GetBundle",
                             bundle_v1::GetBundleRequest(), kBundleTimeout);
}

}  // namespace signet::spire_upstream
