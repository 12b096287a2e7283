// EntrySync: the agent's copy of the entries that the server authorises it for.
//
// SyncAuthorizedEntries: the server either sends all entries at once, or, when they are many,
// their revisions; then what is unknown or has another revision is asked for by ID. What arrived
// before a failure is kept; what is gone is dropped only after a whole run.
#pragma once

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
  /// What is known now. An entry keeps its pointer until it changes.
  const EntryMap& entries() const { return entries_; }
  /// Grows with every change of entries(), also in a run that fails later.
  std::uint64_t version() const { return version_; }

 private:
  Result<Changes> run_by_revision(ServerApi& server);
  Result<Changes> replace_all(const google::protobuf::RepeatedPtrField<types::Entry>& entries);
  bool take(const types::Entry& wire, EntryMap& into);

  const Host host_;
  const bool by_revision_;
  EntryMap entries_;
  std::uint64_t version_ = 0;
};

}  // namespace signet::agent
