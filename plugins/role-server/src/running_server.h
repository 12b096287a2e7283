// RunningServer: everything that lives between start and stop, in the order in which it may be
// built and, backwards, taken apart.
#pragma once

#include <atomic>
#include <memory>

#include "agent_feeds.h"
#include "agent_records.h"
#include "api_server.h"
#include "authorities.h"
#include "change_follower.h"
#include "config.h"
#include "entry_index.h"
#include "entry_store.h"
#include "federation.h"
#include "housekeeping.h"
#include "method_registry.h"
#include "server_group.h"
#include "server_identity.h"
#include "service_context.h"
#include "trust_bundles.h"
#include "upstream_follower.h"

namespace signet::server {

class RunningServer {
 public:
  /// Loads what is stored, makes what is missing, opens the sockets. Blocks.
  static Result<std::unique_ptr<RunningServer>> start(const Host& host, const ServerConfig& config);
  ~RunningServer();
  /// No new calls; those under way may end for that long. Blocks.
  void drain(std::chrono::nanoseconds time);

 private:
  RunningServer(const Host& host, const ServerConfig& config, Datastore datastore,
                std::unique_ptr<CaSource> ca);
  Status open();
  Status open_network();
  Status start_joining();
  void look_whether_joined();
  Status leave();

  const Host host_;
  const ServerConfig config_;
  const Datastore datastore_;
  ChangeFollower changes_;
  TrustBundles bundles_;
  EntryIndex entries_;
  EntryStore entry_store_;
  AgentRecords agents_;
  AgentFeeds feeds_;
  Housekeeping housekeeping_;
  ServerGroup group_;
  Authorities authorities_;
  UpstreamFollower upstream_;
  ServerIdentity identity_;
  Federation federation_;
  ServiceContext context_;
  MethodRegistry methods_;
  ApiServer api_;
  std::atomic<bool> serving_{false};
  // While this server joins others: until when at most it waits for them.
  std::int64_t join_until_ns_ = 0;
  Timer join_timer_;
};

}  // namespace signet::server
