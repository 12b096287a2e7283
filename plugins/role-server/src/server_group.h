// ServerGroup: the servers of this trust domain, and what they and the agents have of its bundle.
//
// Each server keeps one record about itself: that it lives, the bundle revision it serves, and the
// lowest one among the agents it has seen lately. It is written when one of these rises and every
// half minute besides, never for a poll of an agent. From the records of all, every server knows
// who lacks an authority that is about to sign (docs/decisions on published before used).
//
// A server is known by an ID in its data_dir, so that a restart is not taken for a newcomer.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "signet/datastore.h"
#include "signet/store/v1/store.pb.h"

#include "agent_records.h"
#include "change_follower.h"
#include "config.h"
#include "publication.h"
#include "trust_bundles.h"

namespace signet::server {

class ServerGroup final : public ChangeSubscriber, public Publication {
 public:
  ServerGroup(const Host& host, const ServerConfig& config, const Datastore& datastore,
              ChangeFollower& changes, const TrustBundles& bundles, const AgentRecords& agents)
      : host_(host),
        config_(config),
        datastore_(datastore),
        changes_(changes),
        bundles_(bundles),
        agents_(agents) {}
  ~ServerGroup() override { stop_timer(); }

  /// Finds out which server this is, from its data_dir. Before the views are loaded. Blocks.
  Status identify();
  /// After the views were loaded: joins the group. Blocks.
  Status start(const std::string& journal_id);
  /// Tells the others that this server serves nobody from now on. Blocks.
  void stop();

  /// Everybody: this server's agents, the others, and their agents.
  Lacking lacking(std::uint64_t revision) const override;
  /// The others and their agents.
  Lacking lacking_elsewhere(std::uint64_t revision) const;
  /// Other servers that live.
  std::size_t others() const;

  /// Looks at what this server and its agents have, and writes what rose. The timer calls it; tests
  /// may. Blocks.
  void tell();

  // ChangeSubscriber
  std::string_view kind() const override { return "meta"; }
  Status reload(Transaction& tx) override;
  bool knows(const Change& change) const override;
  void apply(const Record& record) override;
  void erase(std::string_view id, std::uint64_t revision) override;

 private:
  using ServerRecord = signet::store::v1::Server;
  struct Other {
    ServerRecord told;
    std::uint64_t revision = 0;
    std::int64_t heard_ns = 0;  // by our own clock
  };
  bool heard_lately(const Other& other) const;
  Status write(const ServerRecord& record);
  void take(std::string_view id, const ServerRecord& told, std::uint64_t revision,
            std::int64_t heard_ns);
  void stop_timer() { timer_.stop(); }

  const Host host_;
  const ServerConfig& config_;
  const Datastore& datastore_;
  ChangeFollower& changes_;
  const TrustBundles& bundles_;
  const AgentRecords& agents_;

  std::string id_;  // "server/<uuid>"
  std::int64_t started_ns_ = 0;
  std::mutex telling_;  // one write at a time; guards the two below
  ServerRecord told_;   // what our record says
  std::int64_t told_ns_ = 0;
  // What our agents had when an earlier run of this server ended; counts until they were seen
  // again.
  std::optional<std::uint64_t> had_before_;

  mutable std::mutex mutex_;                          // guards others_
  std::map<std::string, Other, std::less<>> others_;  // by record ID
  Timer timer_;
};

}  // namespace signet::server
