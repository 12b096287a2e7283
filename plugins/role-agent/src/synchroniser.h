// Synchroniser: keeps the store level with the server.
//
// Two loops: one asks for entries and bundles every sync interval, the other mints what is missing
// or due. A server of our own tells of changes as they come (delivery.h); it is asked rarely, in
// case of a mistake. A caller without its SVID wakes the second loop at once. Failures make the
// waits longer; what was known stays and is served.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <set>

#include "config.h"
#include "entry_sync.h"
#include "jwt_cache.h"
#include "loop.h"
#include "minter.h"
#include "rotation.h"

namespace signet::agent {

class Synchroniser {
 public:
  struct Hooks {
    /// A call failed; what that means for the agent itself is judged there.
    std::function<void(const Status&)> failed;
    /// Our trust domain's bundle, when it is new.
    std::function<void(const x509::Bundle&)> new_bundle;
    /// Everything that the server had committed at this moment (monotonic) is in the store.
    std::function<void(std::int64_t)> level;
  };
  Synchroniser(Host host, const AgentConfig& config, ServerApi& server, IdentityStore& store,
               JwtCache& jwt, Hooks hooks);

  /// The bundle that the server gave with the agent's SVID, before the first sync.
  Status start_with(const x509::Bundle& bundle);
  /// One whole run on this thread: bundles, entries and one batch of SVIDs. Before start() only.
  Status first_sync();
  void start();
  void stop();
  /// Does not wait for the interval, nor for what failures have made of it. Does not block.
  void sync_soon();
  using Taken = std::function<void(const Status&)>;
  /// What the server told. Does not block: taken() comes once, when it is in the store, from the
  /// sync loop, or from stop(). Errors   it is not, and all has to be asked for
  void take(delivery_v1::FollowResponse told, Taken taken);
  /// Somebody waits for an entry; due: and has almost for long enough. Asks the server once a
  /// second at most, and one that tells of changes by itself only when it is due. From any thread.
  void sync_for_held(bool due);
  /// Whether it tells of changes as they come. From any thread.
  void set_live(bool live);
  /// Of the server's log, up to which the store has all that the server told; 0: it tells nothing.
  /// From any thread.
  std::uint64_t revision() const { return revision_; }
  /// Under the roots that are tainted now: is this chain's?
  bool tainted(const std::vector<x509::Certificate>& chain) const;

 private:
  Status sync();
  Status apply(const delivery_v1::FollowResponse& told);
  Status take_own(const types::Bundle& wire);
  void publish(const EntrySync::Changes& changes, std::int64_t began);
  Result<BundleMap> federated_bundles(const std::function<bool(const std::string&)>& ask);
  Result<BundlePtr> federated_bundle(const std::string& trust_domain);
  Status take_own(const x509::Bundle& bundle);
  void process_taints(const x509::Bundle& bundle);
  std::chrono::nanoseconds taint_window(std::size_t svids) const;
  std::chrono::nanoseconds sync_round();
  std::chrono::nanoseconds until_next_sync();
  std::chrono::nanoseconds failed(const Status& status);
  std::chrono::nanoseconds mint_round();

  const Host host_;
  const AgentConfig& config_;
  ServerApi& server_;
  IdentityStore& store_;
  JwtCache& jwt_;
  const Hooks hooks_;

  // Used by the sync loop alone.
  EntrySync entries_;
  std::optional<x509::Bundle> bundle_;
  BundlePtr own_;
  BundleMap federated_;
  std::set<std::string> unknown_;       // trust domains whose bundle the server lacks
  std::set<std::string> tainted_x509_;  // subject key IDs seen, each is processed once
  std::set<std::string> tainted_jwt_;   // key IDs
  Backoff sync_backoff_;
  std::int64_t next_sync_ns_ = 0;
  bool sync_failed_ = false;  // the last one

  // Used by the mint loop alone.
  Minter minter_;
  Backoff mint_backoff_;
  std::int64_t mint_not_before_ns_ = 0;

  mutable std::mutex mutex_;  // guards tainted_roots_
  x509::RootPool tainted_roots_;

  struct Told {
    delivery_v1::FollowResponse answer;
    Taken taken;
  };
  std::mutex told_mutex_;
  std::optional<Told> told_;  // until the sync loop takes it
  bool stopping_ = false;
  std::atomic<bool> soon_{false};
  std::atomic<bool> live_{false};
  std::atomic<bool> live_ended_{false};
  std::atomic<bool> reached_again_{false};  // a sync succeeded after one that did not
  std::atomic<std::uint64_t> revision_{0};
  std::atomic<std::int64_t> held_sync_ns_{INT64_MIN};

  Loop sync_loop_;
  Loop mint_loop_;
};

}  // namespace signet::agent
