// FederationEndpoint: gives the bundle endpoint plugin what it serves, whenever it changes: our
// bundle document and, for https_spiffe, the server's SVID.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "signet/bundle_endpoint.h"

#include "config.h"
#include "server_identity.h"
#include "trust_bundles.h"

namespace signet::server {

class FederationEndpoint {
 public:
  FederationEndpoint(const Host& host, const ServerConfig& config, const TrustBundles& bundles,
                     const ServerIdentity& identity)
      : host_(host), config_(config), bundles_(bundles), identity_(identity) {}

  /// Listens, if the configuration has an endpoint. Blocks.
  Status start();
  void stop();
  /// Hands over what is new. Blocks; one at a time.
  void update();

 private:
  Status hand_over();
  const Host host_;
  const ServerConfig& config_;
  const TrustBundles& bundles_;
  const ServerIdentity& identity_;

  std::mutex mutex_;
  std::optional<BundleEndpointClient> client_;
  std::string document_;  // as handed over
  std::shared_ptr<const ServerIdentity::State> shown_;
  ServiceStream serving_;
};

}  // namespace signet::server
