#include "identity_store.h"

#include <algorithm>

#include "rotation.h"

namespace signet::agent {
namespace {

constexpr std::size_t kIdleViews = 1024;  // kept for callers that do not subscribe
constexpr std::chrono::milliseconds kShortestCheck{500};
constexpr std::chrono::seconds kLongestCheck{5};

template <typename Map, typename Key, typename T>
void remove_from(Map& map, const Key& key, const T& item) {
  const auto at = map.find(key);
  if (at == map.end()) return;
  auto& list = at->second;
  const auto found = std::find(list.begin(), list.end(), item);
  if (found == list.end()) return;
  *found = list.back();
  list.pop_back();
  if (list.empty()) map.erase(at);
}

bool contains(const SelectorSet& all, const SelectorSet& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

}  // namespace

Blob WorkloadUpdate::encoded(int kind,
                             const std::function<Blob(const WorkloadUpdate&)>& make) const {
  const std::lock_guard lock(mutex_);
  Blob& blob = encoded_[kind];
  if (!blob) blob = make(*this);
  return blob;
}

// One who waits for changes. The mutex is held while the callback runs, so that stop() returns
// only when it does not; recursive, for a callback that ends its own subscription.
struct IdentityStore::Subscriber {
  std::recursive_mutex mutex;
  std::function<void()> changed;
  bool live = true;
  std::size_t index = 0;  // in the view's list

  void fire() {
    const std::lock_guard lock(mutex);
    if (live) changed();
  }
  void stop() {
    const std::lock_guard lock(mutex);
    live = false;
  }
};

struct IdentityStore::View {
  const SelectorSet* selectors = nullptr;  // the key in views_
  std::atomic<std::int64_t> used_ns{0};
  std::mutex mutex;  // guards what follows
  WorkloadUpdatePtr current;
  std::vector<std::shared_ptr<Subscriber>> subscribers;
  bool notifying = false;
  bool again = false;  // changed while the subscribers were being told

  WorkloadUpdatePtr picture() {
    const std::lock_guard lock(mutex);
    return current;
  }
  bool subscribed() {
    const std::lock_guard lock(mutex);
    return !subscribers.empty();
  }
};

class IdentityStore::ViewSubscription final : public Subscription {
 public:
  ViewSubscription(ViewPtr view, std::shared_ptr<Subscriber> subscriber)
      : view_(std::move(view)), subscriber_(std::move(subscriber)) {}
  ~ViewSubscription() override {
    subscriber_->stop();
    const std::lock_guard lock(view_->mutex);
    auto& list = view_->subscribers;
    list.back()->index = subscriber_->index;
    std::swap(list[subscriber_->index], list.back());
    list.pop_back();
  }
  WorkloadUpdatePtr current() const override { return view_->picture(); }

 private:
  ViewPtr view_;
  std::shared_ptr<Subscriber> subscriber_;
};

IdentityStore::IdentityStore(Host host, Options options)
    : host_(std::move(host)), options_(options) {}
IdentityStore::~IdentityStore() = default;

WorkloadUpdatePtr IdentityStore::lookup(const SelectorSet& selectors) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = views_.find(selectors); found != views_.end()) {
      found->second->used_ns.store(host_.monotonic_ns(), std::memory_order_relaxed);
      return found->second->picture();
    }
  }
  const std::unique_lock lock(mutex_);
  return view_of(selectors)->picture();
}

std::unique_ptr<Subscription> IdentityStore::subscribe(const SelectorSet& selectors,
                                                       std::function<void()> changed) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->changed = std::move(changed);
  bool missing = false;
  ViewPtr view;
  {
    const std::unique_lock lock(mutex_);
    view = view_of(selectors);
    for (Record* record : match_locked(selectors)) record->used_ns = host_.monotonic_ns();
    const std::lock_guard view_lock(view->mutex);
    subscriber->index = view->subscribers.size();
    view->subscribers.push_back(subscriber);
    missing = !view->current->complete;
  }
  if (missing && on_missing_) on_missing_();
  return std::make_unique<ViewSubscription>(std::move(view), std::move(subscriber));
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
  for (const auto& [selectors, view] : views_) {
    const std::lock_guard view_lock(view->mutex);
    counts.subscribers += view->subscribers.size();
  }
  return counts;
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
    Views views;
    for (const auto& [selectors, view] : views_) {
      const WorkloadUpdatePtr now = view->picture();
      const bool concerned = std::any_of(now->entries.begin(), now->entries.end(),
                                         [](const auto& e) { return !e->federates_with.empty(); });
      if (all || concerned) views.insert(view.get());
    }
    changed = refresh_all_locked(views);
  }
  notify_all(changed);
}

void IdentityStore::set_entries(const EntryMap& entries) {
  std::vector<ViewPtr> changed;
  {
    const std::unique_lock lock(mutex_);
    Views views;
    for (auto it = records_.begin(); it != records_.end();) {
      Record& record = it->second;
      const auto now = entries.find(it->first);
      if (now != entries.end() && !now->second->store_svid) {
        ++it;
        continue;
      }
      touched_locked(*record.entry, views);
      unfile_locked(record);
      if (record.svid) --svids_;
      it = records_.erase(it);
    }
    for (const auto& [id, entry] : entries) {
      if (entry->store_svid) continue;
      Record& record = records_[id];
      if (record.entry == entry) continue;
      if (record.entry) {
        touched_locked(*record.entry, views);
        unfile_locked(record);
        // Another identity, or another entry that took over the ID: the old SVID is not its.
        const bool other = record.entry->spiffe_id != entry->spiffe_id ||
                           record.entry->created_at != entry->created_at;
        if (other && record.svid) {
          record.svid = nullptr;
          --svids_;
        }
      }
      record.entry = entry;
      file_locked(record);
      touched_locked(*entry, views);
    }
    changed = refresh_all_locked(views);
  }
  notify_all(changed);
}

IdentityStore::ToMint IdentityStore::to_mint(std::size_t limit) const {
  ToMint out;
  const double now = static_cast<double>(host_.wall_ns()) / 1e9;
  const std::shared_lock lock(mutex_);
  const auto subscribed = subscribed_locked();
  std::vector<EntryPtr> urgent;
  std::vector<EntryPtr> replace;
  std::vector<EntryPtr> prefetch;
  std::chrono::nanoseconds check = kLongestCheck;
  std::size_t held = svids_;
  for (const auto& [id, record] : records_) {
    if (!record.svid) {
      if (subscribed.contains(&record)) {
        urgent.push_back(record.entry);
        ++held;
      } else if (!record.entry->disable_x509_svid_prefetch) {
        prefetch.push_back(record.entry);
      }
      continue;
    }
    check = std::min<std::chrono::nanoseconds>(
        check, std::chrono::seconds(record.svid->not_after - record.svid->not_before) / 20);
    if (stale(record, now)) {
      ++out.stale;
      (subscribed.contains(&record) ? urgent : replace).push_back(record.entry);
    }
  }
  const std::size_t room = options_.x509_limit > held ? options_.x509_limit - held : 0;
  if (prefetch.size() > room) prefetch.resize(room);
  out.missing = urgent.size() + replace.size() + prefetch.size() - out.stale;
  for (auto* list : {&urgent, &replace, &prefetch}) {
    const std::size_t take = std::min(limit - out.entries.size(), list->size());
    out.entries.insert(out.entries.end(), list->begin(),
                       list->begin() + static_cast<std::ptrdiff_t>(take));
  }
  out.check_after = std::max<std::chrono::nanoseconds>(check, kShortestCheck);
  return out;
}

void IdentityStore::put_svids(std::vector<std::pair<std::string, X509SvidPtr>> svids,
                              const EntryMap& minted) {
  std::vector<ViewPtr> changed;
  {
    const std::unique_lock lock(mutex_);
    Views views;
    for (auto& [id, svid] : svids) {
      const auto found = records_.find(id);
      const auto entry = minted.find(id);
      if (found == records_.end() || entry == minted.end()) continue;
      Record& record = found->second;
      if (record.entry->spiffe_id != entry->second->spiffe_id ||
          record.entry->created_at != entry->second->created_at) {
        continue;
      }
      if (!record.svid) ++svids_;
      record.svid = std::move(svid);
      record.tainted = false;
      touched_locked(*record.entry, views);
    }
    changed = refresh_all_locked(views);
  }
  notify_all(changed);
}

std::size_t IdentityStore::taint(const x509::RootPool& authorities) {
  std::size_t count = 0;
  const x509::VerifyOptions options{x509::from_unix(host_.unix_seconds())};
  const std::unique_lock lock(mutex_);
  for (auto& [id, record] : records_) {
    if (!record.svid || record.tainted) continue;
    const auto chain = x509::Certificate::parse_concatenated(crypto::as_bytes(record.svid->chain));
    if (!chain || !x509::verify_path(*chain, authorities, options)) continue;
    record.tainted = true;
    ++count;
  }
  return count;
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
    Views views;
    for (Record* record : idle) {
      if (svids_ <= options_.x509_limit) break;
      record->svid = nullptr;
      --svids_;
      touched_locked(*record->entry, views);
    }
    changed = refresh_all_locked(views);
  }
  notify_all(changed);
}

// ---- views

// Under the exclusive lock.
IdentityStore::ViewPtr IdentityStore::view_of(const SelectorSet& selectors) {
  if (const auto found = views_.find(selectors); found != views_.end()) return found->second;
  make_room_locked();
  auto view = std::make_shared<View>();
  const auto at = views_.emplace(selectors, view).first;
  view->selectors = &at->first;
  view->used_ns = host_.monotonic_ns();
  for (const Selector& selector : selectors) views_under_[selector].push_back(view.get());
  refresh_locked(*view);
  return view;
}

// When too many views are kept that nobody is subscribed to, the older half of them goes.
void IdentityStore::make_room_locked() {
  if (views_.size() < kIdleViews) return;
  std::vector<std::pair<std::int64_t, View*>> idle;
  for (const auto& [selectors, view] : views_) {
    if (!view->subscribed()) idle.emplace_back(view->used_ns.load(), view.get());
  }
  if (idle.size() < kIdleViews) return;
  const auto middle = idle.begin() + static_cast<std::ptrdiff_t>(idle.size() / 2);
  std::nth_element(idle.begin(), middle, idle.end());
  for (auto it = idle.begin(); it != middle; ++it) {
    View* const view = it->second;
    for (const Selector& selector : *view->selectors) remove_from(views_under_, selector, view);
    views_.erase(views_.find(*view->selectors));
  }
}

bool IdentityStore::refresh_locked(View& view) {
  auto next = std::make_shared<WorkloadUpdate>();
  next->complete = true;
  next->bundle = own_;
  for (const Record* record : match_locked(*view.selectors)) {
    next->entries.push_back(record->entry);
    if (record->svid) {
      next->identities.push_back({record->entry, record->svid});
    } else {
      next->complete = false;
    }
    for (const std::string& name : record->entry->federates_with) {
      if (const auto known = federated_.find(name); known != federated_.end())
        next->federated.insert(*known);
    }
  }
  const std::lock_guard lock(view.mutex);
  if (view.current) {
    const WorkloadUpdate& last = *view.current;
    const bool same =
        last.entries == next->entries && last.bundle == next->bundle &&
        last.federated == next->federated &&
        std::equal(last.identities.begin(), last.identities.end(), next->identities.begin(),
                   next->identities.end(), [](const Identity& a, const Identity& b) {
                     return a.entry == b.entry && a.svid == b.svid;
                   });
    if (same) return false;
  }
  next->version = ++version_;
  view.current = std::move(next);
  return true;
}

std::vector<IdentityStore::ViewPtr> IdentityStore::refresh_all_locked(const Views& views) {
  std::vector<ViewPtr> changed;
  for (View* view : views) {
    if (refresh_locked(*view)) changed.push_back(views_.at(*view->selectors));
  }
  return changed;
}

// Tells the view's subscribers on a worker. While that runs, further changes are gathered.
void IdentityStore::notify(const Host& host, const ViewPtr& view) {
  {
    const std::lock_guard lock(view->mutex);
    if (view->subscribers.empty()) return;
    if (view->notifying) {
      view->again = true;
      return;
    }
    view->notifying = true;
  }
  const auto tell = [view] {
    std::vector<std::shared_ptr<Subscriber>> all;
    while (true) {
      {
        const std::lock_guard lock(view->mutex);
        view->again = false;
        all = view->subscribers;
      }
      for (const auto& subscriber : all) subscriber->fire();
      const std::lock_guard lock(view->mutex);
      if (view->again) continue;
      view->notifying = false;
      return;
    }
  };
  if (!host.post(tell).ok()) tell();  // no worker free; this is one
}

void IdentityStore::notify_all(const std::vector<ViewPtr>& views) const {
  for (const ViewPtr& view : views) notify(host_, view);
}

// ---- the index

void IdentityStore::file_locked(Record& record) {
  std::size_t fewest = SIZE_MAX;
  for (const Selector& selector : record.entry->selectors) {
    const auto found = filed_.find(selector);
    const std::size_t size = found == filed_.end() ? 0 : found->second.size();
    if (size >= fewest) continue;
    fewest = size;
    record.filed_under = &selector;
    if (size == 0) break;
  }
  if (record.filed_under != nullptr) filed_[*record.filed_under].push_back(&record);
}

void IdentityStore::unfile_locked(Record& record) {
  if (record.filed_under != nullptr) remove_from(filed_, *record.filed_under, &record);
  record.filed_under = nullptr;
}

// The views that see this entry.
void IdentityStore::touched_locked(const Entry& entry, Views& out) const {
  const std::vector<View*>* fewest = nullptr;
  for (const Selector& selector : entry.selectors) {
    const auto found = views_under_.find(selector);
    if (found == views_under_.end()) return;  // no view has this selector
    if (fewest == nullptr || found->second.size() < fewest->size()) fewest = &found->second;
  }
  if (fewest == nullptr) return;
  for (View* view : *fewest) {
    if (contains(*view->selectors, entry.selectors)) out.insert(view);
  }
}

std::vector<IdentityStore::Record*> IdentityStore::match_locked(
    const SelectorSet& selectors) const {
  std::vector<Record*> matches;
  for (const Selector& selector : selectors) {
    const auto found = filed_.find(selector);
    if (found == filed_.end()) continue;
    for (Record* record : found->second) {
      if (contains(selectors, record->entry->selectors)) matches.push_back(record);
    }
  }
  std::sort(matches.begin(), matches.end(),
            [](const Record* a, const Record* b) { return a->entry->id < b->entry->id; });
  return matches;
}

std::unordered_set<const IdentityStore::Record*> IdentityStore::subscribed_locked() const {
  std::unordered_set<const Record*> out;
  for (const auto& [selectors, view] : views_) {
    if (!view->subscribed()) continue;
    for (const EntryPtr& entry : view->picture()->entries) {
      const auto found = records_.find(entry->id);
      if (found != records_.end()) out.insert(&found->second);
    }
  }
  return out;
}

bool IdentityStore::stale(const Record& record, double now) const {
  return record.tainted || record.svid->revision_number != record.entry->revision_number ||
         should_rotate_x509(record.svid->not_before, record.svid->not_after, now,
                            options_.availability_target);
}

}  // namespace signet::agent
