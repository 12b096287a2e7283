#include "caller_attestor.h"

#include <algorithm>
#include <condition_variable>

namespace signet::agent {
namespace {

constexpr std::int64_t kFreshNs = 1'000'000'000;
// Each holds two descriptors, so the number is bounded well below what a process may have open.
constexpr std::size_t kMaxCached = 256;
constexpr std::chrono::hours kIdle{1};
// However patient the caller is, an attestor that hangs is not waited for longer.
constexpr std::chrono::seconds kPatience{30};

Status failed() { return Status::unavailable("workload attestation failed"); }

// What several attestors, each on its own worker, bring together. Shared with stragglers.
struct Gathering {
  std::mutex mutex;
  std::condition_variable changed;
  SelectorSet selectors;
  std::size_t waiting = 0;
  std::size_t succeeded = 0;
};

void add(SelectorSet& set, const std::string& type, std::vector<std::string> values) {
  for (std::string& value : values) set.push_back({type, std::move(value)});
}

void normalise(SelectorSet& set) {
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
}

}  // namespace

Status CallerAttestor::start() {
  for (std::string& name :
       ServiceHandle<signet_workload_attestor>::names(host_, SIGNET_WORKLOAD_ATTESTOR)) {
    SIGNET_TRY(auto handle, ServiceHandle<signet_workload_attestor>::acquire(
                                host_, SIGNET_WORKLOAD_ATTESTOR, name));
    attestors_.push_back(std::make_shared<Attestor>(Attestor{std::move(name), std::move(handle)}));
  }
  if (attestors_.empty()) return Status::failed_precondition("no workload attestor is configured");
  sweeper_.start(kIdle);
  return {};
}

SelectorsPtr CallerAttestor::cached(const RpcPeer& peer) {
  std::shared_ptr<const Cached> hit;
  {
    std::lock_guard lock(mutex_);
    const auto it = cache_.find({peer.pid, peer.start_time});
    if (it == cache_.end()) return nullptr;
    hit = it->second;
    if (host_.monotonic_ns() - hit->attested_ns > kFreshNs) {
      cache_.erase(it);
      return nullptr;
    }
  }
  const Result<ProcessFingerprint> now = hit->caller->fingerprint();
  if (!now || *now != hit->fingerprint || !hit->caller->alive()) return nullptr;
  if (hit->caller->peer().uid != peer.uid || hit->caller->peer().gid != peer.gid) return nullptr;
  return hit->selectors;
}

Result<SelectorsPtr> CallerAttestor::attest(const std::shared_ptr<const CallerProcess>& caller,
                                            std::int64_t deadline_ns) {
  const std::int64_t began = host_.monotonic_ns();
  const Result<ProcessFingerprint> before = caller->fingerprint();
  if (!before) return failed();
  deadline_ns = std::min(deadline_ns, host_.deadline_in(kPatience));
  SIGNET_TRY(SelectorSet selectors, ask_all(caller, deadline_ns));
  // The process must be the one that connected now as well, and what the attestors looked at
  // must not have been exchanged under them.
  const Result<ProcessFingerprint> after = caller->fingerprint();
  if (!caller->alive() || !after || *after != *before) {
    host_.warn("Caller changed while it was attested", {{"pid", caller->peer().pid}});
    return failed();
  }
  auto shared = std::make_shared<const SelectorSet>(std::move(selectors));
  remember({caller->peer().pid, caller->peer().start_time}, {caller, *before, shared, began});
  return SelectorsPtr(std::move(shared));
}

Result<SelectorSet> CallerAttestor::ask_all(const std::shared_ptr<const CallerProcess>& caller,
                                            std::int64_t deadline_ns) {
  if (attestors_.size() == 1) {
    Attestor& only = *attestors_.front();
    Result<std::vector<std::string>> values =
        attest_workload(only.handle, caller->peer(), deadline_ns);
    if (!values) {
      host_.error("Failed to collect all selectors for PID",
                  {{"pid", caller->peer().pid},
                   {"plugin_name", only.name},
                   {"error", values.status().message()}});
      return failed();
    }
    SelectorSet set;
    add(set, only.name, std::move(*values));
    normalise(set);
    return set;
  }
  auto gathering = std::make_shared<Gathering>();
  gathering->waiting = attestors_.size();
  for (const auto& attestor : attestors_) {
    const auto ask = [gathering, attestor, caller, deadline_ns, host = host_] {
      Result<std::vector<std::string>> values =
          attest_workload(attestor->handle, caller->peer(), deadline_ns);
      if (!values) {
        host.error("Failed to collect all selectors for PID",
                   {{"pid", caller->peer().pid},
                    {"plugin_name", attestor->name},
                    {"error", values.status().message()}});
      }
      std::lock_guard lock(gathering->mutex);
      if (values) {
        add(gathering->selectors, attestor->name, std::move(*values));
        ++gathering->succeeded;
      }
      --gathering->waiting;
      gathering->changed.notify_all();
    };
    if (!host_.post(ask).ok()) ask();  // no worker free: in turn, on this one
  }
  std::unique_lock lock(gathering->mutex);
  const auto patience =
      std::chrono::nanoseconds(std::max<std::int64_t>(deadline_ns - host_.monotonic_ns(), 0));
  gathering->changed.wait_for(lock, patience, [&] { return gathering->waiting == 0; });
  if (gathering->succeeded == 0) return failed();
  SelectorSet set = gathering->selectors;
  lock.unlock();
  normalise(set);
  return set;
}

void CallerAttestor::remember(const Key& key, Cached cached) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    if (cache_.size() >= kMaxCached) return;
    first = cache_.empty();
    cache_[key] = std::make_shared<const Cached>(std::move(cached));
  }
  if (first) sweeper_.kick();
}

std::chrono::nanoseconds CallerAttestor::sweep() {
  std::lock_guard lock(mutex_);
  const std::int64_t oldest = host_.monotonic_ns() - kFreshNs;
  std::erase_if(cache_, [&](const auto& item) { return item.second->attested_ns < oldest; });
  if (cache_.empty()) return kIdle;
  return std::chrono::nanoseconds(kFreshNs);
}

}  // namespace signet::agent
