#include "federation.h"

namespace signet::server {

Federation::Federation(const Host& host, const ServerConfig& config, const Datastore& datastore,
                       ChangeFollower& changes, TrustBundles& bundles,
                       const ServerIdentity& identity)
    : host_(host),
      store_(host, datastore, changes, bundles),
      poller_(host, config, datastore, changes, bundles, store_),
      endpoint_(host, config, bundles, identity),
      publishers_(host, bundles) {
  store_.on_changed([this] { poller_.relationships_changed(); });
}

Status Federation::start() {
  SIGNET_RETURN_IF_ERROR(endpoint_.start());
  SIGNET_RETURN_IF_ERROR(publishers_.start());
  SIGNET_RETURN_IF_ERROR(poller_.start());
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
  }
  own_changed();  // meanwhile
  return {};
}

// Whoever tells of the change holds locks and has no time; a worker hands it over, one at a time.
void Federation::own_changed() {
  {
    const std::lock_guard lock(mutex_);
    if (!started_) return;
    changed_ = true;
    if (handing_) return;
    handing_ = true;
  }
  const Status posted = host_.post([this] { hand_over(); });
  if (posted.ok()) return;
  const std::lock_guard lock(mutex_);  // the queue is full; the next change brings this one, too
  handing_ = false;
  idle_.notify_all();
}

void Federation::hand_over() {
  std::unique_lock lock(mutex_);
  while (changed_ && started_) {
    changed_ = false;
    lock.unlock();
    endpoint_.update();
    publishers_.update();
    lock.lock();
  }
  handing_ = false;
  idle_.notify_all();
}

void Federation::stop() {
  poller_.stop();
  {
    std::unique_lock lock(mutex_);
    started_ = false;
    idle_.wait(lock, [&] { return !handing_; });
  }
  publishers_.stop();
  endpoint_.stop();
}

}  // namespace signet::server
