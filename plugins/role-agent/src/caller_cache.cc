#include "caller_cache.h"

#include <poll.h>

namespace signet::agent {
namespace {

CallerKey key_of(const signet_workload_peer& peer) { return {peer.pid, peer.start_time}; }

// Readable once the process has exited.
bool ended(int pidfd) {
  pollfd p = {pidfd, POLLIN, 0};
  return pidfd >= 0 && poll(&p, 1, 0) != 0;
}

}  // namespace

SelectorsPtr CallerCache::find(const RpcPeer& peer, std::int64_t now_ns) {
  const CallerKey key{peer.pid, peer.start_time};
  std::shared_ptr<const Found> hit;
  {
    const std::lock_guard lock(mutex_);
    const auto it = by_key_.find(key);
    if (it == by_key_.end()) return nullptr;
    hit = *it->second;
    entries_.splice(entries_.begin(), entries_, it->second);
  }
  // The kernel is asked without the lock.
  const bool fresh = now_ns - hit->attested_ns <= kFreshNs;
  const Result<ProcessFingerprint> now = hit->caller->fingerprint();
  if (!fresh || !now || *now != hit->fingerprint || !hit->caller->alive()) {
    drop(key, hit);
    return nullptr;
  }
  const signet_workload_peer& known = hit->caller->peer();
  if (known.uid != peer.uid || known.gid != peer.gid || ended(peer.pidfd)) return nullptr;
  return hit->selectors;
}

bool CallerCache::remember(Found found) {
  const CallerKey key = key_of(found.caller->peer());
  auto entry = std::make_shared<const Found>(std::move(found));
  Entries gone;  // what it holds is closed without the lock
  const std::lock_guard lock(mutex_);
  if (const auto it = by_key_.find(key); it != by_key_.end()) {
    gone.splice(gone.begin(), entries_, it->second);
    by_key_.erase(it);
  } else if (entries_.size() >= most_) {
    by_key_.erase(key_of(entries_.back()->caller->peer()));
    gone.splice(gone.begin(), entries_, std::prev(entries_.end()));
  }
  const bool first = entries_.empty();
  entries_.push_front(std::move(entry));
  by_key_.emplace(key, entries_.begin());
  return first;
}

bool CallerCache::forget_old(std::int64_t now_ns) {
  Entries gone;
  const std::lock_guard lock(mutex_);
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto here = at++;
    if (now_ns - (*here)->attested_ns <= kFreshNs) continue;
    by_key_.erase(key_of((*here)->caller->peer()));
    gone.splice(gone.begin(), entries_, here);
  }
  return !entries_.empty();
}

void CallerCache::drop(const CallerKey& key, const std::shared_ptr<const Found>& found) {
  Entries gone;
  const std::lock_guard lock(mutex_);
  const auto it = by_key_.find(key);
  if (it == by_key_.end() || *it->second != found) return;  // exchanged meanwhile
  gone.splice(gone.begin(), entries_, it->second);
  by_key_.erase(it);
}

}  // namespace signet::agent
