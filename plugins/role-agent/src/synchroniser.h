// Synchroniser: keeps the store level with the server.
//
// Two loops: one asks for entries and bundles every sync interval, the other mints what is missing
// or due. A caller without its SVID wakes the second one at once. Failures make the waits longer;
// what was known stays and is served.
#pragma once

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
  void sync_soon() { sync_loop_.kick(); }
  /// Under the roots that are tainted now: is this chain's?
  bool tainted(const std::vector<x509::Certificate>& chain) const;

 private:
  Status sync();
  void note_federation();
  Result<BundleMap> federated_bundles();
  Result<BundlePtr> federated_bundle(const std::string& trust_domain);
  Status take_own(const x509::Bundle& bundle);
  void process_taints(const x509::Bundle& bundle);
  std::chrono::nanoseconds taint_window(std::size_t svids) const;
  std::chrono::nanoseconds sync_round();
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
  std::uint64_t published_ = 0;         // the version of entries_ that the store has
  std::vector<std::string> federates_;  // trust domains that those entries name
  std::set<std::string> tainted_x509_;  // subject key IDs seen, each is processed once
  std::set<std::string> tainted_jwt_;   // key IDs
  Backoff sync_backoff_;

  // Used by the mint loop alone.
  Minter minter_;
  Backoff mint_backoff_;
  std::int64_t mint_not_before_ns_ = 0;

  mutable std::mutex mutex_;  // guards tainted_roots_
  x509::RootPool tainted_roots_;

  Loop sync_loop_;
  Loop mint_loop_;
};

}  // namespace signet::agent
