#include "identity_store.h"

#include <algorithm>

namespace signet::agent {

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

}  // namespace signet::agent
