// TrustBundles: the bundles of our own and of federated trust domains, in memory.
//
// A snapshot is immutable: take it once and use it without a lock for as long as needed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>

#include "signet/datastore.h"

#include "change_follower.h"
#include "snapshot.h"
#include "spire/api/types/bundle.pb.h"
#include "x509/verify.h"

namespace signet::server {

struct BundleSnapshot {
  spire::api::types::Bundle message;  // as stored and as the API gives it
  x509::Bundle bundle;
  x509::RootPool roots;
  std::uint64_t revision = 0;
};
using BundlePtr = std::shared_ptr<const BundleSnapshot>;

class TrustBundles final : public ChangeSubscriber {
 public:
  TrustBundles(const Host& host, const Datastore& datastore, ChangeFollower& changes,
               TrustDomain trust_domain)
      : host_(host),
        datastore_(datastore),
        changes_(changes),
        trust_domain_(std::move(trust_domain)) {}

  /// Our own; nullptr until the first authority was published.
  BundlePtr own() const { return own_.load(); }
  /// Of a trust domain by name, our own included; nullptr when unknown.
  BundlePtr find(std::string_view trust_domain) const;
  std::size_t count() const;

  /// Edits our own bundle: `edit` says whether it changed something. A change makes the sequence
  /// number grow by one (a new bundle begins with 0). A JWT or WIT key that was tainted and taken
  /// away does not come back. Blocks.
  Status change_own(const std::function<Result<bool>(spire::api::types::Bundle&)>& edit);
  /// The same inside a transaction of the caller's, who after its commit calls committed() with
  /// what this returned. Nothing when nothing changed.
  Result<std::optional<Record>> change_own_in(
      Transaction& tx, const std::function<Result<bool>(spire::api::types::Bundle&)>& edit);
  /// Takes over a bundle record that this process has just committed.
  void committed(const Record& record, std::uint64_t revision);
  void erased(std::string_view trust_domain, std::uint64_t revision) {
    erase(trust_domain, revision);
  }

  // ChangeSubscriber
  std::string_view kind() const override { return "bundle"; }
  Status reload(Transaction& tx) override;
  bool knows(const Change& change) const override;
  void apply(const Record& record) override;
  void erase(std::string_view id, std::uint64_t revision) override;

  /// Called after a trust domain's bundle changed or went, our own included, from any thread.
  void on_changed(std::function<void(std::string_view trust_domain)> fn) {
    changed_ = std::move(fn);
  }

 private:
  BundlePtr read(const Record& record) const;  // null, and logged: it cannot be read
  void tell(std::string_view trust_domain) const {
    if (changed_) changed_(trust_domain);
  }

  const Host host_;
  const Datastore& datastore_;
  ChangeFollower& changes_;
  const TrustDomain trust_domain_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, BundlePtr, std::less<>> bundles_;     // by trust domain name
  std::map<std::string, std::uint64_t, std::less<>> erased_;  // revisions of deletions
  Snapshot<BundleSnapshot> own_;
  std::function<void(std::string_view)> changed_;
};

/// The API's message as the value that verification works on. Malformed authorities are left out
/// and named in `problem`.
x509::Bundle bundle_from_api(const TrustDomain& trust_domain,
                             const spire::api::types::Bundle& message, std::string* problem);
/// A stored "bundle" record. Errors   kInternal
Result<spire::api::types::Bundle> bundle_from_record(const Record& record);
Record bundle_to_record(const spire::api::types::Bundle& bundle);

}  // namespace signet::server
