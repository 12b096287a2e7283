// Federation: everything of a server that has to do with foreign trust domains' bundles and with
// giving away its own.
#pragma once

#include <condition_variable>
#include <mutex>

#include "federation_endpoint.h"
#include "federation_poller.h"
#include "federation_publishers.h"
#include "federation_store.h"

namespace signet::server {

class Federation {
 public:
  Federation(const Host& host, const ServerConfig& config, const Datastore& datastore,
             ChangeFollower& changes, TrustBundles& bundles, const ServerIdentity& identity);
  ~Federation() { stop(); }

  /// Once the server has its bundle and its SVID. Blocks.
  Status start();
  /// Nothing new is begun; foreign endpoints are not asked any more.
  void begin_stop() { poller_.begin_stop(); }
  void stop();
  /// Our bundle or our SVID changed. From any thread, also before start().
  void own_changed();

  FederationStore& store() { return store_; }
  FederationPoller& poller() { return poller_; }

 private:
  void hand_over();
  const Host host_;
  FederationStore store_;
  FederationPoller poller_;
  FederationEndpoint endpoint_;
  FederationPublishers publishers_;

  std::mutex mutex_;
  std::condition_variable idle_;
  bool started_ = false;
  bool changed_ = false;  // since the last hand_over() began
  bool handing_ = false;  // a worker is at it, or was asked to
};

}  // namespace signet::server
