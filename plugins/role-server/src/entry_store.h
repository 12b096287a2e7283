// EntryStore: creating, changing and deleting registration entries.
//
// The datastore is the truth; what this process commits the index has before the answer leaves.
// A batch is one transaction, so it costs one fsync, yet each item succeeds or fails alone.
// All functions block: from a worker only.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "signet/datastore.h"
#include "signet/host.h"

#include "change_follower.h"
#include "entry_index.h"
#include "spire/api/types/entry.pb.h"

namespace signet::server {

struct StoredEntry {
  spire::api::types::Entry entry;
  bool existed = false;  // create: a similar one was there; nothing was written
};

class EntryStore {
 public:
  EntryStore(Host host, const Datastore& datastore, ChangeFollower& changes, EntryIndex& index)
      : host_(std::move(host)), datastore_(datastore), changes_(changes), index_(index) {}

  const EntryIndex& index() const { return index_; }

  /// Entries as entry_from_api() made them; one result each, in order. An empty id gets a UUID that
  /// grows with time. Errors per item, with SPIRE's words behind "datastore-sql: " or
  /// "datastore-validation: ".
  std::vector<Result<StoredEntry>> create(
      std::span<const Result<spire::api::types::Entry>> entries);
  /// Writes the fields named by `fields` (entry_wire.h). kNotFound per item.
  std::vector<Result<StoredEntry>> update(std::span<const Result<spire::api::types::Entry>> entries,
                                          uint32_t fields);
  /// One status each; kNotFound. `ids` may hold "": kInvalidArgument "missing entry ID".
  std::vector<Status> remove(const std::vector<std::string>& ids);

  Result<spire::api::types::Entry> get(std::string_view id) const;
  Result<uint64_t> count(const Query& query) const;
  /// The encoded entries (spire.api.types.Entry) of a page; last_row 0: the page held none.
  struct Page {
    std::vector<std::string> encoded;
    uint64_t last_row = 0;
  };
  Result<Page> list(const Query& query) const;

  /// Deletes the entries that expired before `now` (Unix seconds). How many.
  Result<std::size_t> prune(int64_t now);

  // For those who write entries inside a transaction of their own (join tokens, bundles): the
  // record is in the transaction; after its commit they call committed() or erased().
  Result<StoredEntry> create_in(Transaction& tx, spire::api::types::Entry entry);
  void committed(const spire::api::types::Entry& entry, uint64_t revision) {
    index_.apply(entry, revision);
  }
  void erased(std::string_view id, uint64_t revision) { index_.erase(id, revision); }
  /// Writes an entry that exists, its revision_number one higher; gives it as written.
  Result<spire::api::types::Entry> rewrite_in(Transaction& tx, spire::api::types::Entry entry);

 private:
  /// One result each, in order, of write(Transaction&, const Entry&) -> Result<StoredEntry>.
  template <typename Write>
  std::vector<Result<StoredEntry>> write_all(
      std::span<const Result<spire::api::types::Entry>> entries, Write write);
  Result<StoredEntry> update_in(Transaction& tx, const spire::api::types::Entry& entry,
                                uint32_t fields);
  Host host_;
  const Datastore& datastore_;
  ChangeFollower& changes_;
  EntryIndex& index_;
};

/// What the entries of this SPIFFE ID allow it, as the datastore has them.
Result<EntryDirectory::Privileges> stored_privileges(Transaction& tx, const std::string& spiffe_id,
                                                     int64_t now);

}  // namespace signet::server
