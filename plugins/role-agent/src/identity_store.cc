#include "identity_store.h"

#include <algorithm>

namespace signet::agent {
namespace {

constexpr std::chrono::milliseconds kShortestCheck{500};
constexpr std::chrono::seconds kLongestCheck{5};
constexpr std::chrono::milliseconds kRefusedBase{500};
constexpr std::chrono::minutes kRefusedCap{4};

std::int64_t rotation_ns(const X509SvidData& svid, std::chrono::seconds availability_target) {
  const double at = x509_rotation_time(svid.not_before, svid.not_after, availability_target);
  constexpr double kLast = 9e9;  // seconds; later ones do not fit
  return at < kLast ? static_cast<std::int64_t>(at * 1e9) : MintSchedule::kNever;
}

}  // namespace

IdentityStore::IdentityStore(Host host, Options options)
    : host_(std::move(host)),
      options_(options),
      all_bundles_(std::make_shared<WorkloadView>(SelectorSet(), 0)) {
  all_bundles_->publish(bundles_locked(), ++version_);
}
IdentityStore::~IdentityStore() = default;

WorkloadUpdatePtr IdentityStore::lookup(const SelectorSet& selectors) {
  {
    const std::shared_lock lock(mutex_);
    if (WorkloadView* const view = views_.find(selectors)) {
      view->used(host_.monotonic_ns());
      return view->picture();
    }
  }
  const std::unique_lock lock(mutex_);
  return view_of_locked(selectors).picture();
}

std::unique_ptr<Subscription> IdentityStore::subscribe(const SelectorSet& selectors,
                                                       std::function<void()> changed) {
  std::unique_ptr<Subscription> subscription;
  {
    const std::unique_lock lock(mutex_);
    WorkloadView& view = view_of_locked(selectors);
    subscription = view.subscribe(std::move(changed));
    const Now now = this->now();
    for (Record* record : match_locked(selectors)) {
      record->used_ns = now.mono_ns;
      place_locked(*record, now);
    }
  }
  if (!subscription->current()->complete && on_missing_) on_missing_();
  return subscription;
}

std::unique_ptr<Subscription> IdentityStore::subscribe_bundles(std::function<void()> changed) {
  return all_bundles_->subscribe(std::move(changed));
}

BundlePtr IdentityStore::own_bundle() const {
  const std::shared_lock lock(mutex_);
  return own_;
}

BundlePtr IdentityStore::bundle(std::string_view trust_domain) const {
  const std::shared_lock lock(mutex_);
  if (own_ && own_->trust_domain.name() == trust_domain) return own_;
  const auto found = federated_.find(std::string(trust_domain));
  return found == federated_.end() ? nullptr : found->second;
}

IdentityTable::Counts IdentityStore::counts() const {
  const std::shared_lock lock(mutex_);
  Counts counts{records_.size(), svids_, 0};
  views_.for_each([&](const WorkloadView& view) { counts.subscribers += view.subscribers(); });
  return counts;
}

std::vector<Identity> IdentityStore::identities() const {
  std::vector<Identity> all;
  const std::shared_lock lock(mutex_);
  all.reserve(records_.size());
  for (const auto& [id, record] : records_) all.push_back({record.entry, record.svid});
  return all;
}

IdentityStore::Known IdentityStore::known(const std::string& entry_id) const {
  const std::shared_lock lock(mutex_);
  const auto found = records_.find(entry_id);
  if (found == records_.end()) return {};
  return {true, found->second.entry->revision_number};
}

void IdentityStore::set_bundles(BundlePtr own, BundleMap federated) {
  std::vector<ViewPtr> changed;
  {
    const std::unique_lock lock(mutex_);
    const bool all = own != own_;
    const bool some = federated != federated_;
    own_ = std::move(own);
    federated_ = std::move(federated);
    if (!all && !some) return;
    ViewSet views;
    views_.for_each([&](WorkloadView& view) {
      const WorkloadUpdatePtr now = view.picture();
      const bool concerned = std::any_of(now->entries.begin(), now->entries.end(),
                                         [](const auto& e) { return !e->federates_with.empty(); });
      if (all || concerned) views.insert(&view);
    });
    changed = refresh_locked(views);
    if (all_bundles_->publish(bundles_locked(), ++version_)) changed.push_back(all_bundles_);
  }
  notify(changed);
}

void IdentityStore::change_entries(const EntryChanges& changes) {
  std::vector<ViewPtr> changed;
  {
    const std::unique_lock lock(mutex_);
    const Now now = this->now();
    ViewSet views;
    for (const auto& [id, entry] : changes) {
      if (!entry || entry->store_svid) {
        forget_locked(id, views);
        continue;
      }
      Record& record = records_[id];
      if (record.entry) {
        views_.touched(record.entry->selectors, views);
        unfile_locked(record);
        // Another identity, or another entry that took over the ID: the old SVID is not its.
        const bool other = record.entry->spiffe_id != entry->spiffe_id ||
                           record.entry->created_at != entry->created_at;
        if (other) drop_svid_locked(record);
        refusals_.erase(id);
      }
      record.entry = entry;
      file_locked(record);
      place_locked(record, now);
      views_.touched(entry->selectors, views);
    }
    changed = refresh_locked(views);
  }
  notify(changed);
}

void IdentityStore::clear() {
  EntryChanges all;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [id, record] : records_) all[id] = nullptr;
  }
  change_entries(all);
}

IdentityStore::ToMint IdentityStore::to_mint(std::size_t limit) {
  ToMint out;
  const std::unique_lock lock(mutex_);
  const Now now = this->now();
  schedule_.advance(now.wall_ns, now.mono_ns,
                    [&](MintItem& item) { place_locked(record_of(item), now); });
  std::vector<MintItem*> left;  // whoever waited for them is gone
  for (MintItem* item : schedule_.wanted()) {
    if (out.entries.size() == limit) break;
    if (watched_locked(record_of(*item))) {
      out.entries.push_back(record_of(*item).entry);
    } else {
      left.push_back(item);
    }
  }
  for (MintItem* item : left) place_locked(record_of(*item), now);

  const auto take = [&](const MintSchedule::Items& items, std::size_t most) {
    for (MintItem* item : items) {
      if (most-- == 0 || out.entries.size() == limit) return;
      out.entries.push_back(record_of(*item).entry);
    }
  };
  take(schedule_.urgent(), limit);
  take(schedule_.old(), limit);
  const std::size_t held = svids_ + schedule_.wanted().size();
  const std::size_t room = options_.x509_limit > held ? options_.x509_limit - held : 0;
  take(schedule_.spare(), room);
  out.missing = schedule_.wanted().size() + std::min(room, schedule_.spare().size());
  out.stale = schedule_.urgent().size() + schedule_.old().size();
  out.check_after = std::clamp<std::chrono::nanoseconds>(
      std::chrono::nanoseconds(schedule_.until_next(now.wall_ns, now.mono_ns)), kShortestCheck,
      kLongestCheck);
  return out;
}

void IdentityStore::put_svids(const std::vector<std::pair<std::string, X509SvidPtr>>& svids,
                              const EntryMap& minted) {
  std::vector<ViewPtr> changed;
  {
    const std::unique_lock lock(mutex_);
    const Now now = this->now();
    ViewSet views;
    for (const auto& [id, svid] : svids) {
      const auto found = records_.find(id);
      const auto entry = minted.find(id);
      if (found == records_.end() || entry == minted.end()) continue;
      Record& record = found->second;
      if (record.entry->spiffe_id != entry->second->spiffe_id ||
          record.entry->created_at != entry->second->created_at) {
        continue;
      }
      if (!record.svid) ++svids_;
      record.svid = svid;
      record.rotate_at_ns = rotation_ns(*svid, options_.availability_target);
      record.tainted = false;
      refusals_.erase(id);
      place_locked(record, now);
      views_.touched(record.entry->selectors, views);
    }
    changed = refresh_locked(views);
  }
  notify(changed);
}

void IdentityStore::refused(const std::vector<std::string>& ids) {
  const std::unique_lock lock(mutex_);
  const Now now = this->now();
  for (const std::string& id : ids) {
    const auto record = records_.find(id);
    if (record == records_.end()) continue;
    Refusal& refusal =
        refusals_.try_emplace(id, Backoff(kRefusedBase, kRefusedCap), now.mono_ns).first->second;
    refusal.retry_at_ns = now.mono_ns + refusal.backoff.next().count();
    place_locked(record->second, now);
  }
}

std::size_t IdentityStore::taint(
    const x509::RootPool& authorities,
    const std::function<std::chrono::nanoseconds(std::size_t)>& window) {
  const x509::VerifyOptions options{x509::from_unix(host_.unix_seconds())};
  const std::unique_lock lock(mutex_);
  std::vector<Record*> found;
  for (auto& [id, record] : records_) {
    if (!record.svid || record.tainted) continue;
    const auto chain = x509::Certificate::parse_concatenated(crypto::as_bytes(record.svid->chain));
    if (!chain || !x509::verify_path(*chain, authorities, options)) continue;
    found.push_back(&record);
  }
  const RecordSet subscribed = subscribed_locked();
  std::stable_partition(found.begin(), found.end(),
                        [&](const Record* record) { return subscribed.contains(record); });
  const Now now = this->now();
  const auto spread = static_cast<double>(window(found.size()).count());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(found.size());
    found[i]->tainted = true;
    found[i]->replace_at_ns = now.mono_ns + static_cast<std::int64_t>(spread * share);
    place_locked(*found[i], now);
  }
  return found.size();
}

void IdentityStore::shed() {
  std::vector<ViewPtr> changed;
  {
    const std::unique_lock lock(mutex_);
    if (svids_ <= options_.x509_limit) return;
    const auto subscribed = subscribed_locked();
    std::vector<Record*> idle;
    for (auto& [id, record] : records_) {
      if (record.svid && !subscribed.contains(&record)) idle.push_back(&record);
    }
    std::sort(idle.begin(), idle.end(),
              [](const Record* a, const Record* b) { return a->used_ns < b->used_ns; });
    const Now now = this->now();
    ViewSet views;
    for (Record* record : idle) {
      if (svids_ <= options_.x509_limit) break;
      drop_svid_locked(*record);
      place_locked(*record, now);
      views_.touched(record->entry->selectors, views);
    }
    changed = refresh_locked(views);
  }
  notify(changed);
}

// ---- under the lock; the exclusive one where something changes

WorkloadView& IdentityStore::view_of_locked(const SelectorSet& selectors) {
  if (WorkloadView* const view = views_.find(selectors)) return *view;
  WorkloadView& view = views_.add(selectors, host_.monotonic_ns());
  view.publish(picture_locked(selectors), ++version_);
  return view;
}

void IdentityStore::file_locked(Record& record) {
  record.place = index_.add(record.entry->selectors, &record);
}

void IdentityStore::unfile_locked(Record& record) {
  index_.remove(std::exchange(record.place, nullptr), &record);
}

void IdentityStore::forget_locked(const std::string& id, ViewSet& views) {
  const auto found = records_.find(id);
  if (found == records_.end()) return;
  views_.touched(found->second.entry->selectors, views);
  unfile_locked(found->second);
  drop_svid_locked(found->second);
  refusals_.erase(id);
  schedule_.remove(found->second);
  records_.erase(found);
}

void IdentityStore::drop_svid_locked(Record& record) {
  if (record.svid) --svids_;
  record.svid = nullptr;
}

std::vector<IdentityStore::Record*> IdentityStore::match_locked(
    const SelectorSet& selectors) const {
  std::vector<Record*> matches;
  index_.candidates(selectors, [&](Record* record) {
    if (contains(selectors, record->entry->selectors)) matches.push_back(record);
  });
  std::sort(matches.begin(), matches.end(),
            [](const Record* a, const Record* b) { return a->entry->id < b->entry->id; });
  return matches;
}

std::shared_ptr<WorkloadUpdate> IdentityStore::picture_locked(const SelectorSet& selectors) const {
  auto picture = std::make_shared<WorkloadUpdate>();
  picture->complete = true;
  picture->bundle = own_;
  for (const Record* record : match_locked(selectors)) {
    picture->entries.push_back(record->entry);
    if (record->svid) {
      picture->identities.push_back({record->entry, record->svid});
    } else {
      picture->complete = false;
    }
    for (const std::string& name : record->entry->federates_with) {
      if (const auto known = federated_.find(name); known != federated_.end())
        picture->federated.insert(*known);
    }
  }
  return picture;
}

std::shared_ptr<WorkloadUpdate> IdentityStore::bundles_locked() const {
  auto picture = std::make_shared<WorkloadUpdate>();
  picture->complete = true;
  picture->bundle = own_;
  picture->federated = federated_;
  return picture;
}

std::vector<ViewPtr> IdentityStore::refresh_locked(const ViewSet& views) {
  std::vector<ViewPtr> changed;
  for (WorkloadView* view : views) {
    if (view->publish(picture_locked(view->selectors()), ++version_))
      changed.push_back(view->shared_from_this());
  }
  return changed;
}

void IdentityStore::notify(const std::vector<ViewPtr>& views) const {
  for (const ViewPtr& view : views) view->notify(host_);
}

IdentityStore::RecordSet IdentityStore::subscribed_locked() const {
  RecordSet out;
  views_.for_each([&](const WorkloadView& view) {
    if (view.subscribers() == 0) return;
    for (const EntryPtr& entry : view.picture()->entries) {
      const auto found = records_.find(entry->id);
      if (found != records_.end()) out.insert(&found->second);
    }
  });
  return out;
}

bool IdentityStore::watched_locked(const Record& record) const {
  ViewSet views;
  views_.touched(record.entry->selectors, views);
  return std::any_of(views.begin(), views.end(),
                     [](const WorkloadView* view) { return view->subscribers() > 0; });
}

void IdentityStore::place_locked(Record& record, const Now& now) {
  using Place = MintItem::Place;
  if (!refusals_.empty()) {
    const auto refusal = refusals_.find(record.entry->id);
    if (refusal != refusals_.end() && refusal->second.retry_at_ns > now.mono_ns)
      return schedule_.hold_back(record, refusal->second.retry_at_ns);
  }
  if (!record.svid) {
    if (watched_locked(record)) return schedule_.put(record, Place::kWanted);
    if (record.entry->disable_x509_svid_prefetch) return schedule_.remove(record);
    return schedule_.put(record, Place::kSpare);
  }
  const bool due = record.svid->revision_number != record.entry->revision_number ||
                   now.wall_ns >= record.rotate_at_ns ||
                   (record.tainted && now.mono_ns >= record.replace_at_ns);
  if (due) return schedule_.put(record, watched_locked(record) ? Place::kUrgent : Place::kOld);
  schedule_.later(record, record.rotate_at_ns,
                  record.tainted ? record.replace_at_ns : MintSchedule::kNever);
}

}  // namespace signet::agent
