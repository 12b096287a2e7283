#include "wit_stream.h"

#include <algorithm>

#include "message_keys.h"
#include "no_identity.h"
#include "refusals.h"
#include "rotation.h"
#include "spiffe/workload/workload.pb.h"
#include "workload_answer.h"

namespace signet::agent {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds kCheck{5};
constexpr std::chrono::milliseconds kShortestCheck{500};

}  // namespace

WitStream::WitStream(Host host, std::shared_ptr<ServerCall> call, WitMinter& minter, Lane& lane,
                     std::string spiffe_id)
    : host_(std::move(host)),
      call_(std::move(call)),
      minter_(minter),
      lane_(lane),
      spiffe_id_(std::move(spiffe_id)),
      pid_(call_->peer().pid),
      loop_(host_, [this] { return round(); }) {}

void WitStream::bind() {
  const auto self = shared_from_this();
  call_->on_writable = [self] { self->look_soon(); };
  call_->on_done = [self] {
    std::unique_ptr<Subscription> gone;
    {
      const std::lock_guard lock(self->mutex_);
      self->over_ = true;
      gone = std::move(self->subscription_);
    }
    gone.reset();  // waits for a callback that is running, so not under the lock
    self->loop_.stop();
  };
}

void WitStream::open(IdentityTable& table, const SelectorSet& selectors, std::string loggable) {
  auto subscription = table.subscribe(selectors, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->look_soon();
  });
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    loggable_ = std::move(loggable);
    subscription_ = std::move(subscription);
  }
  loop_.start(nanoseconds(0));
}

void WitStream::look_soon() {
  look_at_ns_ = 0;
  loop_.kick();
}

// Only hands the work on: the server may take its time, and the lane says how much may wait for it.
nanoseconds WitStream::round() {
  const std::int64_t left = look_at_ns_ - host_.monotonic_ns();
  if (left > 0) return nanoseconds(left);
  if (working_.exchange(true)) return kShortestCheck;
  look_at_ns_ = host_.monotonic_ns() + nanoseconds(kCheck).count();
  const Status begun = lane_.run([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    struct Done {
      std::atomic<bool>& working;
      ~Done() { working = false; }
    } const done{self->working_};
    self->work();
  });
  if (!begun.ok()) {
    working_ = false;
    if (!sent_any_) call_->finish(overloaded());
  }
  return kShortestCheck;
}

void WitStream::work() {
  WorkloadUpdatePtr now;
  {
    const std::lock_guard lock(mutex_);
    if (over_ || !subscription_) return;
    now = subscription_->current();
  }
  std::vector<EntryPtr> entries = filter_hints(now->entries);
  if (!spiffe_id_.empty()) {
    std::erase_if(entries,
                  [&](const EntryPtr& e) { return e->spiffe_id.to_string() != spiffe_id_; });
  }
  if (entries.empty()) {
    log_no_identity(host_, pid_, loggable_);
    call_->finish(no_identity());
    return;
  }
  const Status renewed = renew(entries);
  const double time = static_cast<double>(host_.wall_ns()) / 1e9;
  const bool all = std::all_of(entries.begin(), entries.end(), [&](const EntryPtr& e) {
    const auto at = held_.find(e->id);
    return at != held_.end() && time < static_cast<double>(at->second.svid->expires_at);
  });
  if (all) {
    if (!sent_) send(entries);
  } else if (!sent_any_) {
    host_.log_status(LogLevel::kError, "Could not fetch WIT-SVID", renewed);
    call_->finish(Status::unavailable("could not fetch WIT-SVID: " + renewed.message()));
  }
}

Status WitStream::renew(const std::vector<EntryPtr>& entries) {
  const double time = static_cast<double>(host_.wall_ns()) / 1e9;
  std::map<std::string, Held> kept;
  std::vector<EntryPtr> wanted;
  nanoseconds check = kCheck;
  for (const EntryPtr& entry : entries) {
    const auto at = held_.find(entry->id);
    // Any edit of an entry makes a new one, as it does with X509-SVIDs.
    const bool same = at != held_.end() && *at->second.entry == *entry;
    if (!same || past_half_life(at->second.svid->issued_at, at->second.svid->expires_at, time))
      wanted.push_back(entry);
    if (same) {
      const WitSvidData& svid = *at->second.svid;
      check =
          std::min<nanoseconds>(check, std::chrono::seconds(svid.expires_at - svid.issued_at) / 20);
      kept.insert(*at);
    }
  }
  sent_ = sent_ && kept.size() == held_.size();
  held_ = std::move(kept);
  look_at_ns_ = host_.monotonic_ns() + std::max<nanoseconds>(check, kShortestCheck).count();
  if (wanted.empty()) return {};
  SIGNET_TRY(const std::vector<WitSvidPtr> minted, minter_.mint(wanted));
  for (std::size_t i = 0; i < wanted.size(); ++i) held_[wanted[i]->id] = {wanted[i], minted[i]};
  sent_ = false;
  return {};
}

void WitStream::send(const std::vector<EntryPtr>& entries) {
  ::WITSVIDResponse response;
  MessageKeys keys;
  for (const EntryPtr& entry : entries) {
    const WitSvidData& data = *held_.at(entry->id).svid;
    ::WITSVID* svid = response.add_svids();
    svid->set_spiffe_id(entry->spiffe_id.to_string());
    svid->set_wit_svid(data.token);
    data.key.open([&](std::string_view key) { keys.put(*svid->mutable_wit_svid_key(), key); });
    svid->set_hint(entry->hint);
  }
  // A reader that lags: on_writable brings us back to whatever is current then.
  sent_ = call_->send(host_.blob_of(response, true)).ok();
  sent_any_ = sent_any_ || sent_;
}

}  // namespace signet::agent
