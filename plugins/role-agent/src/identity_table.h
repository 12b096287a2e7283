// IdentityTable: what the agent can hand to the workloads of its node, and who waits for it.
//
// The synchroniser writes it (entries, SVIDs, bundles, as the server gives them); the Workload API
// reads it. A caller is known by its selectors. All callers with the same selectors share one
// WorkloadView, so what they are sent is put together and encoded once, however many streams are
// open; a change touches only the views concerned.
//
// Safe from any thread. Callbacks run on workers, never with a lock held.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "signet/host.h"
#include "signet/selector.h"
#include "signet/spiffe_id.h"
#include "signet/status.h"

namespace signet::agent {

// A registration entry as the server told it.
struct Entry {
  std::string id;
  SpiffeId spiffe_id;
  SelectorSet selectors;
  std::vector<std::string> federates_with;  // trust domain names, sorted
  std::string hint;
  std::int64_t revision_number = 0;
  std::int64_t created_at = 0;
  std::int64_t expires_at = 0;
  bool admin = false;
  bool downstream = false;
  bool store_svid = false;
  bool disable_x509_svid_prefetch = false;
  bool jwt_svid_include_jti = false;

  bool operator==(const Entry&) const = default;
};
using EntryPtr = std::shared_ptr<const Entry>;

// An X509-SVID with its key. Immutable.
struct X509SvidData {
  std::string chain;  // concatenated DER, leaf first, no root
  Secret key;         // PKCS#8 DER
  std::int64_t not_before = 0;
  std::int64_t not_after = 0;        // Unix seconds
  std::int64_t revision_number = 0;  // of the entry it was minted for
};
using X509SvidPtr = std::shared_ptr<const X509SvidData>;

// A trust domain's bundle, in the forms the Workload API sends. Immutable.
struct BundleData {
  TrustDomain trust_domain;
  std::string x509_der;                // concatenated DER of all X.509 authorities
  std::string jwks;                    // JWK Set of the JWT authorities (facts: Workload API form)
  std::shared_ptr<const void> parsed;  // x509::Bundle, for validation
  std::string wit_jwks;                // JWK Set of the WIT authorities, in the same form
};
using BundlePtr = std::shared_ptr<const BundleData>;
using BundleMap = std::map<std::string, BundlePtr>;  // by trust domain name

struct Identity {
  EntryPtr entry;
  X509SvidPtr svid;
};

// What one set of selectors is entitled to at one moment. Immutable.
struct WorkloadUpdate {
  std::uint64_t version = 0;
  std::vector<EntryPtr> entries;     // all that match, ascending entry ID (for JWT-SVIDs)
  std::vector<Identity> identities;  // those with an SVID, ascending entry ID
  bool complete = false;             // every matching entry has its SVID
  BundlePtr bundle;                  // own trust domain
  BundleMap federated;               // of all matching entries that are known

  /// An encoded answer, made by the first who asks; `kind` tells the answers apart.
  Blob encoded(int kind, const std::function<Blob(const WorkloadUpdate&)>& make) const;

 private:
  mutable std::mutex mutex_;
  mutable std::map<int, Blob> encoded_;
};
using WorkloadUpdatePtr = std::shared_ptr<const WorkloadUpdate>;

// A caller that wants to hear of changes. Dropping it unsubscribes; no callback runs afterwards.
class Subscription {
 public:
  virtual ~Subscription() = default;
  /// The latest picture. Never null.
  virtual WorkloadUpdatePtr current() const = 0;
};

class IdentityTable {
 public:
  virtual ~IdentityTable() = default;

  /// The picture for these selectors, without subscribing; cached while anybody is subscribed.
  virtual WorkloadUpdatePtr lookup(const SelectorSet& selectors) = 0;
  /// changed() comes after each new picture (several may be conflated into one), on a worker,
  /// one at a time. Makes the table mint what these selectors still lack.
  virtual std::unique_ptr<Subscription> subscribe(const SelectorSet& selectors,
                                                  std::function<void()> changed) = 0;
  /// The same of all bundles that are known: its pictures have no entries.
  virtual std::unique_ptr<Subscription> subscribe_bundles(std::function<void()> changed) = 0;

  /// Our own trust domain's bundle and all others known.
  virtual BundlePtr own_bundle() const = 0;
  virtual BundlePtr bundle(std::string_view trust_domain) const = 0;

  struct Counts {
    std::size_t entries = 0;
    std::size_t x509_svids = 0;
    std::size_t subscribers = 0;
  };
  virtual Counts counts() const = 0;
};

// JWT-SVIDs, cached and fetched from the server.
struct JwtSvidData {
  std::string token;
  std::int64_t issued_at = 0;
  std::int64_t expires_at = 0;
};
using JwtSvidPtr = std::shared_ptr<const JwtSvidData>;

class JwtSource {
 public:
  virtual ~JwtSource() = default;
  /// A cached token that need not be renewed yet, or null. [nonblock]
  virtual JwtSvidPtr cached(const Entry& entry, const std::vector<std::string>& audience) = 0;
  /// From the cache or the server. Blocks: from a worker only.
  /// Errors   kUnavailable: the server could not be asked and nothing usable is cached
  virtual Result<JwtSvidPtr> fetch(const Entry& entry, const std::vector<std::string>& audience,
                                   std::int64_t deadline_ns) = 0;
};

}  // namespace signet::agent
