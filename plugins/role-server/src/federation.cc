#include "federation.h"

namespace signet::server {

Federation::Federation(const Host& host, const ServerConfig& config, const Datastore& datastore,
                       ChangeFollower& changes, TrustBundles& bundles,
                       const ServerIdentity& identity)
    : store_(host, datastore, changes, bundles),
      poller_(host, config, datastore, changes, bundles, store_),
      endpoint_(host, config, bundles, identity),
      publishers_(host, bundles),
      to_endpoint_(host, [this] { endpoint_.update(); }) {
  store_.on_changed([this] { poller_.relationships_changed(); });
}

Status Federation::start() {
  SIGNET_RETURN_IF_ERROR(endpoint_.start());
  SIGNET_RETURN_IF_ERROR(publishers_.start());
  SIGNET_RETURN_IF_ERROR(poller_.start());
  to_endpoint_.start();
  return {};
}

void Federation::own_changed() {
  to_endpoint_.tell();
  publishers_.own_changed();
}

void Federation::stop() {
  poller_.stop();
  to_endpoint_.stop();
  publishers_.stop();
  endpoint_.stop();
}

}  // namespace signet::server
