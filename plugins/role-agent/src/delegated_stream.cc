#include "delegated_stream.h"

#include "delegated_answer.h"
#include "refusals.h"

namespace signet::agent {

void DelegatedStream::bind() {
  const auto self = shared_from_this();
  call_->on_writable = [self] { self->update(); };
  call_->on_done = [self] {
    Subscriptions gone;
    {
      const std::lock_guard lock(self->mutex_);
      self->over_ = true;
      self->process_.reset();
      gone = std::move(self->subscriptions_);
    }
    // Dropping them waits for a callback that is running, so not under the lock.
  };
}

void DelegatedStream::open(IdentityTable& table, const SelectorSet& caller,
                           const SelectorSet& selectors,
                           std::shared_ptr<const CallerProcess> process) {
  const auto changed = [stream = weak_from_this()] {
    if (const auto alive = stream.lock()) alive->update();
  };
  Subscriptions subscriptions;
  subscriptions.first = table.subscribe(caller, changed);
  subscriptions.second = kind_ == kDelegatedX509SvidAnswer ? table.subscribe(selectors, changed)
                                                           : table.subscribe_bundles(changed);
  {
    const std::lock_guard lock(mutex_);
    if (!over_) {
      subscriptions_ = std::move(subscriptions);
      process_ = std::move(process);
    }
  }
  update();
}

void DelegatedStream::update() {
  const std::lock_guard lock(mutex_);
  if (!subscriptions_.second) return;
  if (const Status allowed = check_(*subscriptions_.first->current()); !allowed.ok()) {
    call_->finish(allowed);
    return;
  }
  if (process_ && !process_->alive()) {
    call_->finish(attestation_failed());
    return;
  }
  const WorkloadUpdatePtr now = subscriptions_.second->current();
  if ((sent_any_ && now->version == sent_version_) || !presentable(*now)) return;
  Result<Blob> bytes = answer(*now);
  if (!bytes) {
    call_->finish(bytes.status());
    return;
  }
  // False when the reader lags: on_writable brings us back to whatever is current then.
  if (!call_->send(std::move(*bytes)).ok()) return;
  sent_version_ = now->version;
  sent_any_ = true;
}

bool DelegatedStream::presentable(const WorkloadUpdate& now) {
  if (kind_ != kDelegatedX509SvidAnswer) return now.bundle != nullptr;
  // No entry is news too: nothing is left of what was sent before.
  if (now.entries.empty()) return true;
  // The first answer waits until each matching entry has its SVID, as clients of SPIRE know it.
  if (now.identities.empty() || (!sent_any_ && !now.complete)) return false;
  if (first_expiry(now) > host_.unix_seconds()) return true;
  // Nothing expired is sent: a new caller may try again, an open stream stays silent.
  if (!sent_any_) call_->finish(identity_expired());
  return false;
}

Result<Blob> DelegatedStream::answer(const WorkloadUpdate& now) const {
  Status failed;
  Blob bytes = now.encoded(kind_, [this, &failed](const WorkloadUpdate& update) {
    switch (kind_) {
      case kDelegatedX509BundlesAnswer:
        return delegated_x509_bundles_answer(host_, update);
      case kDelegatedJwtBundlesAnswer:
        return delegated_jwt_bundles_answer(host_, update);
      default: {
        Result<Blob> svids = delegated_x509_svid_answer(host_, update);
        if (svids) return std::move(*svids);
        failed = svids.status();
        return Blob();
      }
    }
  });
  if (!failed.ok()) return failed;
  return bytes;
}

}  // namespace signet::agent
