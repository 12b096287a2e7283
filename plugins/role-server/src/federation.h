// Federation: everything of a server that has to do with foreign trust domains' bundles and with
// giving away its own.
#pragma once

#include "federation_endpoint.h"
#include "federation_poller.h"
#include "federation_publishers.h"
#include "federation_store.h"
#include "hand_over.h"

namespace signet::server {

class Federation {
 public:
  Federation(const Host& host, const ServerConfig& config, const Datastore& datastore,
             ChangeFollower& changes, TrustBundles& bundles, const ServerIdentity& identity);
  ~Federation() { stop(); }

  /// Once the server has its bundle and its SVID. Blocks.
  Status start();
  /// Nothing new is begun; foreign endpoints are not asked any more.
  /// The bundle of a foreign trust domain is another one.
  void bundle_changed(std::string_view trust_domain) { poller_.bundle_changed(trust_domain); }
  void begin_stop() { poller_.begin_stop(); }
  void stop();
  /// Our bundle or our SVID changed. From any thread, also before start().
  void own_changed();

  FederationStore& store() { return store_; }
  FederationPoller& poller() { return poller_; }

 private:
  FederationStore store_;
  FederationPoller poller_;
  FederationEndpoint endpoint_;
  FederationPublishers publishers_;
  HandOver to_endpoint_;
};

}  // namespace signet::server
