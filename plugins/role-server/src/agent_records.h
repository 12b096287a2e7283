// AgentRecords: the attested agents, in memory and in the datastore.
//
// Reading costs no datastore call. Writing goes to the datastore first; when the function
// returns, memory has it, so a ban or an eviction is in force at once.
#pragma once

#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "signet/datastore.h"
#include "signet/selector.h"
#include "signet/store/v1/store.pb.h"

#include "caller.h"
#include "change_follower.h"
#include "service_context.h"

namespace signet::server {

// What calls tell of an agent while this server runs. Shared by all records that the agent has had.
struct AgentPresence {
  std::atomic<std::int64_t> seen_ns{0};           // monotonic, of its last call; 0: none yet
  std::atomic<std::uint64_t> bundle_revision{0};  // of our own bundle, as it was last given
};

struct AgentRecord {
  std::string id;  // "spiffe://example.org/spire/agent/..."
  signet::store::v1::Agent body;
  std::uint64_t row = 0;
  std::uint64_t revision = 0;
  std::shared_ptr<AgentPresence> presence;  // in records of find()
  bool banned() const { return body.serial_number().empty(); }
  std::vector<std::string> selectors() const;  // "type:value"
};

// What an attestation found out, to be written in one go.
struct AttestedAgent {
  SpiffeId id;
  std::string attestation_type;
  std::string serial;  // decimal
  std::int64_t expires_at = 0;
  bool can_reattest = false;
  std::vector<Selector> selectors;
};

/// id   the agent's SPIFFE ID, which the body has, too
Record agent_to_record(const std::string& id, const signet::store::v1::Agent& body);

class AgentRecords final : public ChangeSubscriber {
 public:
  AgentRecords(const Host& host, const Datastore& datastore, ChangeFollower& changes,
               EntryDirectory& entries)
      : host_(host), datastore_(datastore), changes_(changes), entries_(entries) {}

  /// As memory has it; nullptr when there is none. Does not block.
  AgentPtr find(std::string_view id) const;
  /// As it is now: as memory has it while that is live, else as the datastore has it. nullptr when
  /// there is none. Blocks. Errors: as ChangeFollower::decide()
  Result<AgentPtr> current(std::string_view id) const;
  /// As the datastore has it. Blocks.
  Result<AgentPtr> stored(std::string_view id) const;
  std::size_t count() const;
  /// Agents that may call: neither banned nor expired at `now` (Unix seconds).
  std::size_t count_live(std::int64_t now) const;

  // Who has which bundle. None of these blocks or writes to the datastore.

  /// The agent made a call.
  static void saw(const AgentRecord& agent, std::int64_t now_ns);
  /// A peer whose certificate says it is this agent was given our bundle of this revision.
  void gave_bundle(std::string_view id, std::uint64_t revision, std::int64_t now_ns) const;
  struct Seen {
    std::size_t agents = 0;   // that called since then
    std::size_t lacking = 0;  // of them: have not been given this revision
    std::uint64_t lowest = std::numeric_limits<std::uint64_t>::max();
  };
  Seen seen(std::int64_t since_ns, std::uint64_t revision) const;

  // All that follows blocks. Errors: kNotFound when there is no such agent; the datastore's.

  /// Creates the agent or, after another attestation, renews it: its pending SVID goes, its
  /// attestation type stays. kPermissionDenied when it was banned meanwhile.
  Status attested(const AttestedAgent& agent);
  /// An SVID that counts from its first use on; one that waited before is forgotten.
  Status set_pending(std::string_view id, const std::string& serial, std::int64_t expires_at);
  /// The agent showed its pending SVID: it becomes the one in force. Nothing when it no longer
  /// waits.
  Status promote(std::string_view id, const std::string& serial);
  Status ban(std::string_view id);
  /// With the entry that a join token with an agent ID made for it, if any.
  Status remove(std::string_view id);
  Status set_version(std::string_view id, const std::string& version);

  /// Deletes up to `limit` agents that expired before `before`, never banned ones, and those that
  /// cannot attest again only with `tofu`. How many.
  Result<std::size_t> prune(std::int64_t before, bool tofu, std::size_t limit);

  struct Page {
    std::vector<AgentPtr> agents;
    std::uint64_t last_row = 0;  // 0: the page held no row
  };
  /// Records in ascending row order from the datastore. A record that cannot be read is left
  /// out and logged.
  Result<Page> list(const Query& query) const;
  Result<std::uint64_t> count(const Query& query) const;

  // ChangeSubscriber
  std::string_view kind() const override { return "agent"; }
  Status reload(Transaction& tx) override;
  bool knows(const Change& change) const override;
  void apply(const Record& record) override;
  void erase(std::string_view id, std::uint64_t revision) override;

  /// Called with the ID of an agent that was banned or removed, from any thread.
  void on_revoked(std::function<void(const std::string& id)> fn) { revoked_ = std::move(fn); }

 private:
  template <typename Edit>
  Status change(std::string_view id, Edit&& edit);
  /// With the entry that a join token made for it. Whether there was none.
  static Result<bool> erase_in(Transaction& tx, const std::string& id,
                               const signet::store::v1::Agent& body);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  template <typename T>
  using ById = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  const Host host_;
  const Datastore& datastore_;
  ChangeFollower& changes_;
  EntryDirectory& entries_;
  std::function<void(const std::string&)> revoked_;
  mutable std::shared_mutex mutex_;
  ById<AgentPtr> agents_;
  ById<std::uint64_t> erased_;  // revisions of deletions, so that a late read cannot undo one
};

}  // namespace signet::server
