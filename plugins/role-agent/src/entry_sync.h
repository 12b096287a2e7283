// EntrySync: the agent's copy of the entries that the server authorises it for.
//
// SyncAuthorizedEntries: the server either sends all entries at once, or, when they are many,
// their revisions; then what is unknown or has another revision is asked for by ID. What arrived
// before a failure is kept; what is gone is dropped only after a whole run. Between runs a server
// of our own tells of single changes (delivery.h).
#pragma once

#include <map>
#include <set>

#include "identity_store.h"
#include "server_api.h"

namespace signet::agent {

class EntrySync {
 public:
  EntrySync(Host host, bool by_revision) : host_(std::move(host)), by_revision_(by_revision) {}

  struct Changes {
    std::size_t missing = 0;
    std::size_t stale = 0;
    std::size_t dropped = 0;
  };
  /// One run against the server; blocks. Errors   the server's, or kInternal: it breaks the
  /// protocol
  Result<Changes> run(ServerApi& server);
  /// What the server told of. `gone` may name what was never here.
  Changes apply(const delivery_v1::FollowResponse& told);

  std::size_t count() const { return entries_.size(); }
  /// What has changed since the last time, also in runs that failed.
  EntryChanges take_changes() { return std::exchange(changes_, {}); }
  /// The trust domains that entries federate with, and how many of them do.
  const std::map<std::string, std::size_t>& federates_with() const { return federates_with_; }
  /// The earliest (Unix seconds) at which an entry expires, or has expired and is still here since
  /// the server's clock has the last word; INT64_MAX: none.
  std::int64_t next_expiry() const { return expiries_.empty() ? INT64_MAX : *expiries_.begin(); }

 private:
  Result<Changes> run_by_revision(ServerApi& server);
  Result<Changes> replace_all(const google::protobuf::RepeatedPtrField<types::Entry>& entries);
  void take(const types::Entry& wire, Changes& changes);
  bool drop(const std::string& id);
  void note(const Entry& entry);
  void unnote(const Entry& entry);

  const Host host_;
  const bool by_revision_;
  EntryMap entries_;
  EntryChanges changes_;
  std::map<std::string, std::size_t> federates_with_;
  std::multiset<std::int64_t> expiries_;
};

}  // namespace signet::agent
