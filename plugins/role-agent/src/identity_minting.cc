// IdentityStore, as far as it says which SVIDs are to be made, and takes them over.
#include <algorithm>

#include "identity_store.h"

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
  take(schedule_.tainted(), limit);
  take(schedule_.old(), limit);
  const std::size_t held = svids_ + schedule_.wanted().size();
  const std::size_t room = options_.x509_limit > held ? options_.x509_limit - held : 0;
  take(schedule_.spare(), room);
  out.missing = schedule_.wanted().size() + std::min(room, schedule_.spare().size());
  out.stale = schedule_.urgent().size() + schedule_.tainted().size() + schedule_.old().size();
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
  const bool tainted = record.tainted && now.mono_ns >= record.replace_at_ns;
  if (tainted || record.svid->revision_number != record.entry->revision_number ||
      now.wall_ns >= record.rotate_at_ns) {
    if (watched_locked(record)) return schedule_.put(record, Place::kUrgent);
    return schedule_.put(record, tainted ? Place::kTainted : Place::kOld);
  }
  schedule_.later(record, record.rotate_at_ns,
                  record.tainted ? record.replace_at_ns : MintSchedule::kNever);
}

}  // namespace signet::agent
