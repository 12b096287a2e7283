// FederationStore: the relationships that were made through the API, in the datastore and, by
// change, in memory. Those of the configuration file are not here.
#pragma once

#include <functional>
#include <map>
#include <shared_mutex>
#include <string>
#include <vector>

#include "signet/datastore.h"

#include "change_follower.h"
#include "spire/api/types/federationrelationship.pb.h"
#include "trust_bundles.h"

namespace signet::server {

/// Without its bundle, which has a record of its own.
Record relationship_to_record(const spire::api::types::FederationRelationship& relationship);

class FederationStore final : public ChangeSubscriber {
 public:
  using Relationship = spire::api::types::FederationRelationship;
  using Mask = spire::api::types::FederationRelationshipMask;

  FederationStore(const Host& host, const Datastore& datastore, ChangeFollower& changes,
                  TrustBundles& bundles)
      : host_(host), datastore_(datastore), changes_(changes), bundles_(bundles) {}

  // The four below block. A bundle inside the message replaces the stored bundle of the trust
  // domain, in the same transaction.
  /// Errors   kAlreadyExists
  Status create(const Relationship& relationship);
  /// Replaces what the mask names (null: everything); gives the relationship as stored, without
  /// its bundle. Errors   kNotFound
  Result<Relationship> update(const Relationship& relationship, const Mask* mask);
  /// The bundle stays. Errors   kNotFound
  Status remove(const std::string& trust_domain);
  struct Page {
    std::vector<Relationship> relationships;  // without bundles
    std::uint64_t last_row = 0;
  };
  /// limit 0: no paging.
  Result<Page> list(std::uint64_t after_row, std::uint32_t limit) const;

  /// By name; nothing when there is none.
  std::optional<Relationship> find(std::string_view trust_domain) const;
  std::vector<Relationship> all() const;
  /// Called after any change, from any thread. Set before the follower starts.
  void on_changed(std::function<void()> fn) { changed_ = std::move(fn); }

  // ChangeSubscriber
  std::string_view kind() const override { return "federation"; }
  Status reload(Transaction& tx) override;
  bool knows(const Change& change) const override;
  void apply(const Record& record) override;
  void erase(std::string_view id, std::uint64_t revision) override;

 private:
  struct Known {
    Relationship relationship;
    std::uint64_t revision = 0;
  };
  Status write(Transaction& tx, const Relationship& relationship, std::int64_t if_revision,
               bool with_bundle);

  const Host host_;
  const Datastore& datastore_;
  ChangeFollower& changes_;
  TrustBundles& bundles_;
  std::function<void()> changed_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, Known, std::less<>> known_;           // by trust domain name
  std::map<std::string, std::uint64_t, std::less<>> erased_;  // revisions of deletions
};

}  // namespace signet::server
