// IdentityStore: the IdentityTable itself, filled by the synchroniser.
//
// Entries are found through an index by selector: each entry is filed under the one of its
// selectors that holds fewest others, so that looking up a caller touches hardly more than what
// matches. A View is what one set of selectors sees; it is made anew only when something in it
// changed, kept while anybody is subscribed, and for the recently asked ones also beyond that.
//
// Locks: the store's before a view's. Callbacks run with neither.
#pragma once

#include <atomic>
#include <chrono>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>

#include "identity_table.h"
#include "x509/verify.h"

namespace signet::agent {

using EntryMap = std::map<std::string, EntryPtr, std::less<>>;  // by entry ID

struct SelectorHash {
  std::size_t operator()(const Selector& s) const {
    return std::hash<std::string>{}(s.value) * 31 + std::hash<std::string>{}(s.type);
  }
  std::size_t operator()(const SelectorSet& set) const {
    std::size_t h = set.size();
    for (const Selector& s : set) h = h * 0x9e3779b97f4a7c15 + (*this)(s);
    return h;
  }
};

class IdentityStore final : public IdentityTable {
 public:
  struct Options {
    std::size_t x509_limit = 1000;                // soft: how many SVIDs are kept ready
    std::chrono::seconds availability_target{0};  // see rotation.h
  };
  IdentityStore(Host host, Options options);
  ~IdentityStore() override;

  // -- for the Workload API
  WorkloadUpdatePtr lookup(const SelectorSet& selectors) override;
  std::unique_ptr<Subscription> subscribe(const SelectorSet& selectors,
                                          std::function<void()> changed) override;
  BundlePtr own_bundle() const override;
  BundlePtr bundle(std::string_view trust_domain) const override;
  Counts counts() const override;

  // -- for the synchroniser
  /// Called when a subscriber lacks an SVID. Set before the first subscriber.
  void on_missing(std::function<void()> fn) { on_missing_ = std::move(fn); }
  void set_bundles(BundlePtr own, BundleMap federated);
  /// All entries there are; what is not among them is gone. Entries for SVID stores are left out.
  void set_entries(const EntryMap& entries);

  struct ToMint {
    std::vector<EntryPtr> entries;         // what callers wait for first; at most the limit given
    std::size_t missing = 0;               // wanted and without an SVID
    std::size_t stale = 0;                 // to be replaced
    std::chrono::nanoseconds check_after;  // when to look again
  };
  ToMint to_mint(std::size_t limit) const;
  /// New SVIDs by entry ID; those of entries that are gone or changed identity are dropped.
  void put_svids(std::vector<std::pair<std::string, X509SvidPtr>> svids, const EntryMap& minted);
  /// SVIDs that verify to one of these authorities are to be replaced; they stay until they are.
  /// Answers how many.
  std::size_t taint(const x509::RootPool& authorities);
  /// Above the limit, drops SVIDs that nobody is subscribed to, least recently used first.
  void shed();
  /// Forgets entries and SVIDs: this agent was banned.
  void clear() { set_entries({}); }

 private:
  struct Record {
    EntryPtr entry;
    X509SvidPtr svid;
    bool tainted = false;
    const Selector* filed_under = nullptr;  // into entry->selectors
    std::int64_t used_ns = 0;               // by a subscriber
  };
  struct Subscriber;
  struct View;
  class ViewSubscription;
  using ViewPtr = std::shared_ptr<View>;
  using Views = std::unordered_set<View*>;

  ViewPtr view_of(const SelectorSet& selectors);
  void make_room_locked();
  void file_locked(Record& record);
  void unfile_locked(Record& record);
  void touched_locked(const Entry& entry, Views& out) const;
  std::vector<Record*> match_locked(const SelectorSet& selectors) const;
  /// Makes the view's picture anew; true when it differs from the one before.
  bool refresh_locked(View& view);
  std::vector<ViewPtr> refresh_all_locked(const Views& views);
  std::unordered_set<const Record*> subscribed_locked() const;
  bool stale(const Record& record, double now) const;
  static void notify(const Host& host, const ViewPtr& view);
  void notify_all(const std::vector<ViewPtr>& views) const;

  const Host host_;
  const Options options_;
  std::function<void()> on_missing_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Record> records_;                             // by entry ID
  std::unordered_map<Selector, std::vector<Record*>, SelectorHash> filed_;      // by selector
  std::unordered_map<SelectorSet, ViewPtr, SelectorHash> views_;                // by selectors
  std::unordered_map<Selector, std::vector<View*>, SelectorHash> views_under_;  // by selector
  std::size_t svids_ = 0;
  std::uint64_t version_ = 0;
  BundlePtr own_;
  BundleMap federated_;
};

}  // namespace signet::agent
