// AuthorityJournal: this server's record of its authorities, by which they survive a restart.
//
// A server finds its own record among those of all servers by the keys that its key manager holds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "signet/datastore.h"
#include "signet/key_manager.h"
#include "signet/store/v1/store.pb.h"

#include "trust_bundles.h"

namespace signet::server {

/// Says whether it changed something.
using BundleEdit = std::function<Result<bool>(spire::api::types::Bundle&)>;

class AuthorityJournal {
 public:
  using Content = signet::store::v1::Journal;
  using Entry = Content::Authority;
  using Entries = google::protobuf::RepeatedPtrField<Entry>;

  AuthorityJournal(const Host& host, const Datastore& datastore, TrustBundles& bundles,
                   ChangeFollower& changes)
      : host_(host), datastore_(datastore), bundles_(bundles), changes_(changes) {}

  /// Finds the record of these keys; without one, a new record begins with the first commit.
  Status load(const std::vector<KeyInfo>& keys);
  /// Whether load() found one.
  bool found() const { return found_; }
  const std::string& id() const { return id_; }
  const Content& content() const { return content_; }
  /// Whether the key manager still had the key of this entry at load().
  bool key_present(const Entry& entry) const;

  /// Writes the journal and, in the same transaction, an edit of our own bundle (which may be
  /// null). Blocks.
  Status commit(Content content, const BundleEdit& edit);

 private:
  const Host host_;
  const Datastore& datastore_;
  TrustBundles& bundles_;
  ChangeFollower& changes_;
  std::map<std::string, std::string> keys_;  // key ID -> SubjectPublicKeyInfo
  std::string id_;
  bool found_ = false;
  Content content_;
};

/// Deletes the journals of which every authority ended before `before` (Unix seconds). How many.
/// Blocks.
Result<std::size_t> prune_journals(const Datastore& datastore, std::int64_t before);

}  // namespace signet::server
