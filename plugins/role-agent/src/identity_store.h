// IdentityStore: the IdentityTable itself, filled by the synchroniser.
//
// A view's picture is made anew only when something in it changed; it is kept while anybody is
// subscribed, and for the recently asked ones also beyond that.
//
// Locks: the store's before a view's. Callbacks run with neither.
#pragma once

#include <chrono>
#include <shared_mutex>

#include "mint_schedule.h"
#include "rotation.h"
#include "workload_view.h"
#include "x509/verify.h"

namespace signet::agent {

using EntryMap = std::unordered_map<std::string, EntryPtr>;  // by entry ID
using EntryChanges = EntryMap;                               // null: it is gone

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
  std::unique_ptr<Subscription> subscribe_bundles(std::function<void()> changed) override;
  BundlePtr own_bundle() const override;
  BundlePtr bundle(std::string_view trust_domain) const override;
  Counts counts() const override;

  // -- for explanations
  /// All entries, each with its SVID or null, in no order.
  std::vector<Identity> identities() const;
  struct Known {
    bool is = false;
    std::int64_t revision_number = 0;
  };
  Known known(const std::string& entry_id) const;

  // -- for the synchroniser
  /// Called when a subscriber lacks an SVID. Set before the first subscriber.
  void on_missing(std::function<void()> fn) { on_missing_ = std::move(fn); }
  void set_bundles(BundlePtr own, BundleMap federated);
  /// Entries for SVID stores are left out.
  void change_entries(const EntryChanges& changes);

  struct ToMint {
    std::vector<EntryPtr> entries;  // what callers wait for first; at most the limit given
    // How many there are, without those whose refusal is too fresh to ask again.
    std::size_t missing = 0;               // wanted and without an SVID
    std::size_t stale = 0;                 // to be replaced
    std::chrono::nanoseconds check_after;  // when to look again
  };
  /// Costs what was changed, became due or is answered, however many entries there are.
  ToMint to_mint(std::size_t limit);
  /// New SVIDs by entry ID; those of entries that are gone or changed identity are dropped.
  void put_svids(const std::vector<std::pair<std::string, X509SvidPtr>>& svids,
                 const EntryMap& minted);
  /// The server gave none for these entries, by ID: to_mint() names each again after a while, which
  /// grows with every refusal and ends with a change of the entry.
  void refused(const std::vector<std::string>& ids);
  /// SVIDs that verify to one of these authorities are to be replaced; they stay until they are.
  /// The first one is due at once, the others evenly over what `window` answers for their number;
  /// those of open streams come first. Answers how many.
  std::size_t taint(const x509::RootPool& authorities,
                    const std::function<std::chrono::nanoseconds(std::size_t)>& window);
  /// Above the limit, drops SVIDs that nobody is subscribed to, least recently used first.
  void shed();
  /// Forgets entries and SVIDs: this agent was banned.
  void clear();

 private:
  struct Record : MintItem {
    EntryPtr entry;
    X509SvidPtr svid;
    std::int64_t rotate_at_ns = 0;  // wall clock
    bool tainted = false;
    std::int64_t replace_at_ns = 0;   // when a tainted one is due
    const Selector* place = nullptr;  // in the index
    std::int64_t used_ns = 0;         // by a subscriber
  };
  struct Refusal {
    Backoff backoff;
    std::int64_t retry_at_ns;
  };
  using RecordSet = std::unordered_set<const Record*>;
  struct Now {
    std::int64_t wall_ns;
    std::int64_t mono_ns;
  };
  Now now() const { return {host_.wall_ns(), host_.monotonic_ns()}; }
  static Record& record_of(MintItem& item) { return static_cast<Record&>(item); }

  WorkloadView& view_of_locked(const SelectorSet& selectors);
  void file_locked(Record& record);
  void unfile_locked(Record& record);
  void forget_locked(const std::string& id, ViewSet& views);
  void drop_svid_locked(Record& record);
  std::vector<Record*> match_locked(const SelectorSet& selectors) const;
  std::shared_ptr<WorkloadUpdate> picture_locked(const SelectorSet& selectors) const;
  /// Those whose picture is another one now.
  std::vector<ViewPtr> refresh_locked(const ViewSet& views);
  RecordSet subscribed_locked() const;
  /// Is there a subscriber for this one?
  bool watched_locked(const Record& record) const;
  /// Puts the record where it belongs in the schedule, after any change of it.
  void place_locked(Record& record, const Now& now);
  std::shared_ptr<WorkloadUpdate> bundles_locked() const;
  void notify(const std::vector<ViewPtr>& views) const;

  const Host host_;
  const Options options_;
  std::function<void()> on_missing_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Record> records_;    // by entry ID
  std::unordered_map<std::string, Refusal> refusals_;  // by entry ID
  SelectorIndex<Record> index_;
  MintSchedule schedule_;
  WorkloadViews views_;
  const ViewPtr all_bundles_;  // not one of views_: it is nobody's
  std::size_t svids_ = 0;
  std::uint64_t version_ = 0;
  BundlePtr own_;
  BundleMap federated_;
};

}  // namespace signet::agent
