// UpstreamServer: the four calls to the upstream server, over one connection with our SVID.
//
// The connection is dropped when the SVID is another one, and after a failure, so that the next
// call begins anew. Calls block: from a worker only.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "signet/rpc/client.h"
#include "signet/upstream_authority.h"

#include "spire/api/server/svid/v1/svid.pb.h"
#include "spire/api/types/bundle.pb.h"
#include "upstream_identity.h"

namespace signet::spire_upstream {

class UpstreamServer {
 public:
  /// uri   "dns:host:port"
  UpstreamServer(Host host, std::string uri, UpstreamIdentity& identity)
      : host_(std::move(host)), uri_(std::move(uri)), identity_(identity) {}

  Result<spire::api::server::svid::v1::NewDownstreamX509CAResponse> new_downstream_ca(
      std::string_view csr, std::int64_t ttl_s);
  Result<UpstreamKeys> publish_jwt_key(const UpstreamKey& key);
  Result<UpstreamKeys> publish_wit_key(const UpstreamKey& key);
  Result<spire::api::types::Bundle> bundle();

  /// Our SVID is another one now.
  void renew_connection();

 private:
  template <typename Response, typename Request>
  Result<Response> call(const char* method, const Request& request, std::chrono::seconds timeout);

  const Host host_;
  const std::string uri_;
  UpstreamIdentity& identity_;
  std::mutex mutex_;
  std::shared_ptr<RpcConnection> connection_;
};

template <typename Key>  // types::JWTKey or types::WITKey
UpstreamKeys keys_from_api(const google::protobuf::RepeatedPtrField<Key>& keys) {
  UpstreamKeys out;
  for (const Key& key : keys)
    out.push_back({key.key_id(), key.public_key(), key.expires_at(), key.tainted()});
  return out;
}

}  // namespace signet::spire_upstream
