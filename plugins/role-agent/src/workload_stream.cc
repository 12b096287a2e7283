#include "workload_stream.h"

#include "no_identity.h"
#include "refusals.h"

namespace signet::agent {

void WorkloadStream::bind() {
  const auto self = shared_from_this();
  call_->on_writable = [self] { self->update(); };
  call_->on_done = [self] {
    std::unique_ptr<Subscription> gone;
    {
      std::lock_guard lock(self->mutex_);
      self->over_ = true;
      gone = std::move(self->subscription_);
    }
    gone.reset();  // waits for a callback that is running, so not under the lock
  };
}

void WorkloadStream::open(IdentityTable& table, const SelectorSet& selectors,
                          std::string loggable) {
  auto subscription = table.subscribe(selectors, [stream = weak_from_this()] {
    if (const auto alive = stream.lock()) alive->update();
  });
  {
    std::lock_guard lock(mutex_);
    loggable_ = std::move(loggable);
    if (!over_) subscription_ = std::move(subscription);
  }
  update();
}

void WorkloadStream::update() {
  std::lock_guard lock(mutex_);
  if (!subscription_) return;
  const WorkloadUpdatePtr now = subscription_->current();
  if (now->entries.empty()) {
    refuse(*now);
    return;
  }
  // The first answer waits until each matching entry has its SVID, as clients of SPIRE know it.
  if (!sent_any_ && !now->complete) return;
  if (sent_any_ && now->version == sent_version_) return;
  if (kind_ == kX509SvidAnswer) {
    if (now->identities.empty()) return;  // being minted
    if (first_expiry(*now) <= host_.unix_seconds()) {
      // Nothing expired is sent: a new caller may try again, an open stream stays silent.
      if (!sent_any_) call_->finish(identity_expired());
      return;
    }
  }
  if (!now->bundle) {
    call_->finish(no_bundle());
    return;
  }
  Blob answer = now->encoded(kind_, [this](const WorkloadUpdate& u) {
    switch (kind_) {
      case kX509SvidAnswer:
        return x509_svid_answer(host_, u);
      case kX509BundlesAnswer:
        return x509_bundles_answer(host_, u);
      case kWitBundlesAnswer:
        return wit_bundles_answer(host_, u);
      default:
        return jwt_bundles_answer(host_, u);
    }
  });
  if (send(answer)) sent_version_ = now->version;
}

void WorkloadStream::refuse(const WorkloadUpdate& now) {
  if (own_bundle_for_all_ && now.bundle) {
    (void)send(own_bundle_answer(host_, kind_, *now.bundle));
    return;
  }
  log_no_identity(host_, pid_, loggable_);
  call_->finish(no_identity());
}

// False when the reader lags: on_writable brings us back to whatever is current then.
bool WorkloadStream::send(const Blob& answer) {
  const bool bundles = kind_ != kX509SvidAnswer;
  if (bundles && sent_any_ && answer.bytes() == sent_.bytes()) return true;
  if (!call_->send(answer).ok()) return false;
  if (bundles) sent_ = answer;
  sent_any_ = true;
  return true;
}

}  // namespace signet::agent
