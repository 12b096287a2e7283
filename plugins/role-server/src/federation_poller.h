// FederationPoller: keeps the bundles of federated trust domains fresh.
//
// Whom to ask: `federates_with` of the configuration, and over the API what it does not name.
// When: at the document's refresh hint; after a failure later and later. What was fetched last and
// was good stays, whatever comes after it. At most kFetches at once, so that slow or hostile
// endpoints take neither the role's workers nor each other's turn for long.
// Source: SPIFFE Federation 5; limits of ours in docs/configuration.md.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "signet/bundle_source.h"
#include "signet/datastore.h"

#include "change_follower.h"
#include "config.h"
#include "federation_store.h"
#include "trust_bundles.h"

namespace signet::server {

/// How long until the next poll after one that went well. hint: seconds, 0: none.
std::chrono::seconds poll_interval(std::int64_t hint);
/// And after the n-th failure in a row (n > 0): never before the interval is over, and
/// twice as long each time up to a minute or the interval. Without any bundle yet: 5 s at first, up
/// to 5 minutes.
std::chrono::seconds retry_interval(std::chrono::seconds interval, unsigned failures,
                                    bool have_bundle);

class FederationPoller {
 public:
  static constexpr unsigned kFetches = 4;  // under way at once

  FederationPoller(const Host& host, const ServerConfig& config, const Datastore& datastore,
                   ChangeFollower& changes, TrustBundles& bundles, const FederationStore& store)
      : host_(host),
        config_(config),
        datastore_(datastore),
        changes_(changes),
        bundles_(bundles),
        store_(store) {}
  ~FederationPoller() { stop(); }

  /// Begins to poll, everybody at once.
  Status start();
  /// Nothing new is begun, what is under way is cancelled. stop() waits for its end.
  void begin_stop();
  void stop();

  /// Some relationship came, changed or went. From any thread.
  void relationships_changed();
  /// A trust domain's bundle is another one, whoever stored it: an endpoint that failed is asked
  /// again, since it may be authenticated by this one. From any thread.
  void bundle_changed(std::string_view trust_domain);
  /// Polls now (at most once a second) and waits for the outcome; false: no such relationship.
  /// Errors   what went wrong. Blocks.
  Result<bool> refresh(const std::string& trust_domain);

  struct PeerState {
    FederatedDomain domain;
    bool is_static = false;
    std::int64_t good_at = 0;  // Unix seconds of the last good answer; 0: none since the start
    unsigned failures = 0;     // in a row
    std::string error{};       // of the last one
  };
  std::vector<PeerState> peers() const;

 private:
  struct Peer {
    PeerState state;
    bool busy = false;
    std::int64_t next_ns = 0;                      // monotonic; when it is due
    std::optional<std::int64_t> asked_ns;          // the last fetch's end
    std::int64_t wait_ns(std::int64_t now) const;  // until it may be asked again
  };
  using Peers = std::map<std::string, Peer, std::less<>>;

  void reconcile();
  void tick();
  void begin_due(std::unique_lock<std::mutex>& lock);
  void end_task(std::unique_lock<std::mutex>& lock);
  void poll_one(const std::string& trust_domain);
  Status ask(const FederatedDomain& domain);
  Status store(const FederatedDomain& domain, const spire::api::types::Bundle& bundle);
  Status finish(const std::string& trust_domain, const FederatedDomain& asked,
                const Status& outcome);
  std::int64_t hint_of(const std::string& trust_domain) const;
  void tell_health() const;

  const Host host_;
  const ServerConfig& config_;
  const Datastore& datastore_;
  ChangeFollower& changes_;
  TrustBundles& bundles_;
  const FederationStore& store_;
  std::optional<BundleSourceClient> source_;

  BundleFetches fetches_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Peers peers_;
  std::map<std::string, std::int64_t, std::less<>>
      left_;               // peers no more: when they were asked last
  unsigned fetching_ = 0;  // polls under way
  unsigned tasks_ = 0;     // those, refreshes and reconciliations
  bool started_ = false, stopping_ = false;
  bool reconcile_wanted_ = false;
  bool health_stale_ = false;
  std::int64_t health_told_ns_ = 0;
  Timer timer_;
};

}  // namespace signet::server
