// FederatedBundles: writing the bundles of foreign trust domains, and the entries that hang on
// them. All functions block: from a worker only.
#pragma once

#include <string>

#include "signet/datastore.h"

#include "change_follower.h"
#include "entry_store.h"
#include "spire/api/types/bundle.pb.h"
#include "trust_bundles.h"

namespace signet::server {

class FederatedBundles {
 public:
  // What happens to the entries that federate with a bundle that goes.
  enum class OnDelete { kRestrict, kDeleteEntries, kDissociate };

  FederatedBundles(const Datastore& datastore, ChangeFollower& changes, TrustBundles& bundles,
                   EntryStore& entries)
      : datastore_(datastore), changes_(changes), bundles_(bundles), entries_(entries) {}

  /// Errors   kAlreadyExists
  Status create(const spire::api::types::Bundle& bundle);
  /// Creates or replaces.
  Status set(const spire::api::types::Bundle& bundle);
  /// Replaces what the mask names (null: everything); gives the bundle as stored. Errors kNotFound
  Result<spire::api::types::Bundle> update(const spire::api::types::Bundle& bundle,
                                           const spire::api::types::BundleMask* mask);
  /// Errors   kNotFound; kFailedPrecondition when restricted and entries federate with it
  Status remove(const std::string& trust_domain, OnDelete mode);

  struct Page {
    std::vector<spire::api::types::Bundle> bundles;
    uint64_t last_row = 0;
  };
  /// All rows, our own among them. limit 0: no paging.
  Result<Page> list(uint64_t after_row, uint32_t limit) const;

 private:
  Status put(const spire::api::types::Bundle& bundle, int64_t if_revision);
  const Datastore& datastore_;
  ChangeFollower& changes_;
  TrustBundles& bundles_;
  EntryStore& entries_;
};

}  // namespace signet::server
