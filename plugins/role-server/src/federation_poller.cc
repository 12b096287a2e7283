#include "federation_poller.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "federation_document.h"

namespace signet::server {
namespace {

using std::chrono::seconds;

namespace types = ::spire::api::types;

constexpr std::chrono::milliseconds kTick{500};
constexpr seconds kHealthPeriod{5};
constexpr seconds kFetchTime{10};
constexpr seconds kLeastInterval{1};  // between two fetches of a domain, whatever asks for them
constexpr seconds kDefaultInterval{300};
constexpr seconds kMostInterval{24 * 3600};
constexpr seconds kRetryCap{60};
constexpr seconds kFirstRetry{5};
constexpr seconds kFirstRetryCap{300};

std::int64_t ns(std::chrono::nanoseconds time) { return time.count(); }

}  // namespace

seconds poll_interval(std::int64_t hint) {
  if (hint <= 0) return kDefaultInterval;
  return std::clamp(seconds(std::min<std::int64_t>(hint, kMostInterval.count())), kLeastInterval,
                    kMostInterval);
}

seconds retry_interval(seconds interval, unsigned failures, bool have_bundle) {
  const seconds first = have_bundle ? interval : kFirstRetry;
  const seconds cap = have_bundle ? std::max(interval, kRetryCap) : kFirstRetryCap;
  const unsigned doublings = std::min(failures == 0 ? 0 : failures - 1, 16u);
  return std::min(first * (1 << doublings), cap);
}

Status FederationPoller::start() {
  SIGNET_TRY(source_, BundleSourceClient::acquire(host_));
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
  }
  relationships_changed();
  return timer_.start_every(host_, kTick, [this] { tick(); });
}

std::int64_t FederationPoller::Peer::wait_ns(std::int64_t now) const {
  return asked_ns ? *asked_ns + ns(kLeastInterval) - now : 0;
}

void FederationPoller::begin_stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  fetches_.cancel_all();
}

void FederationPoller::stop() {
  begin_stop();
  timer_.stop();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return tasks_ == 0; });
}

void FederationPoller::end_task(std::unique_lock<std::mutex>&) {
  --tasks_;
  changed_.notify_all();
}

// Not done here: whoever changed a relationship may hold locks.
void FederationPoller::relationships_changed() {
  {
    const std::lock_guard lock(mutex_);
    if (!started_ || stopping_ || reconcile_wanted_) return;
    reconcile_wanted_ = true;
    ++tasks_;
  }
  const Status posted = host_.post([this] {
    reconcile();
    std::unique_lock lock(mutex_);
    end_task(lock);
  });
  if (posted.ok()) return;
  std::unique_lock lock(mutex_);  // no worker was free: the next tick does it
  end_task(lock);
}

// The next tick asks: whoever changed the bundle may hold what polls need.
void FederationPoller::bundle_changed(std::string_view trust_domain) {
  const std::lock_guard lock(mutex_);
  const auto at = peers_.find(trust_domain);
  if (at != peers_.end() && at->second.state.failures > 0)
    at->second.next_ns = host_.monotonic_ns();
}

void FederationPoller::reconcile() {
  {
    const std::lock_guard lock(mutex_);
    reconcile_wanted_ = false;
  }
  std::map<std::string, PeerState> wanted;
  for (const FederatedDomain& domain : config_.federation.federates_with) {
    wanted[domain.trust_domain] = {domain, true, 0, 0, {}};
  }
  for (const auto& relationship : store_.all()) {
    if (relationship.trust_domain() == config_.trust_domain.name()) continue;
    const std::string& id = relationship.https_spiffe().endpoint_spiffe_id();
    wanted.try_emplace(
        relationship.trust_domain(),
        PeerState{{relationship.trust_domain(), relationship.bundle_endpoint_url(), id}});
  }
  std::unique_lock lock(mutex_);
  std::erase_if(peers_, [&](const auto& item) {
    if (wanted.contains(item.first)) return false;
    if (item.second.asked_ns) left_[item.first] = *item.second.asked_ns;
    return true;
  });
  const std::int64_t forgotten = host_.monotonic_ns() - ns(kLeastInterval);
  std::erase_if(left_, [&](const auto& item) { return item.second < forgotten; });
  for (auto& [name, state] : wanted) {
    Peer& peer = peers_[name];
    if (const auto left = left_.extract(name)) peer.asked_ns = left.mapped();
    if (peer.state.domain == state.domain && peer.state.is_static == state.is_static) continue;
    const bool busy = peer.busy;  // what is under way is about the old one
    peer = {std::move(state), busy, host_.monotonic_ns(), peer.asked_ns};
  }
  begin_due(lock);
}

void FederationPoller::tick() {
  std::unique_lock lock(mutex_);
  const bool changed = reconcile_wanted_;
  const std::int64_t now = host_.monotonic_ns();
  // Ages grow also while nothing is polled.
  const bool tell =
      (health_stale_ || !peers_.empty()) && now - health_told_ns_ >= ns(kHealthPeriod);
  if (tell) {
    health_stale_ = false;
    health_told_ns_ = now;
  }
  begin_due(lock);
  lock.unlock();
  if (changed) reconcile();
  if (tell) tell_health();
}

// Who has waited longest comes first, so that nobody is crowded out.
void FederationPoller::begin_due(std::unique_lock<std::mutex>& lock) {
  while (!stopping_ && fetching_ < kFetches) {
    const std::int64_t now = host_.monotonic_ns();
    Peer* due = nullptr;
    for (auto& [name, peer] : peers_) {
      if (peer.busy || peer.next_ns > now || peer.wait_ns(now) > 0) continue;
      if (due == nullptr || peer.next_ns < due->next_ns) due = &peer;
    }
    if (due == nullptr) return;
    due->busy = true;
    ++fetching_;
    ++tasks_;
    const std::string name = due->state.domain.trust_domain;
    lock.unlock();
    const Status posted = host_.post([this, name] { poll_one(name); });
    lock.lock();
    if (posted.ok()) continue;
    --fetching_;
    end_task(lock);
    if (const auto at = peers_.find(name); at != peers_.end()) at->second.busy = false;
    return;
  }
}

void FederationPoller::poll_one(const std::string& trust_domain) {
  std::optional<FederatedDomain> domain;
  {
    const std::lock_guard lock(mutex_);
    const auto at = peers_.find(trust_domain);
    if (at != peers_.end() && !stopping_) domain = at->second.state.domain;
  }
  if (domain) (void)finish(trust_domain, *domain, ask(*domain));  // logged there
  std::unique_lock lock(mutex_);
  if (const auto at = peers_.find(trust_domain); at != peers_.end()) at->second.busy = false;
  --fetching_;
  begin_due(lock);
  end_task(lock);
}

Result<bool> FederationPoller::refresh(const std::string& trust_domain) {
  std::unique_lock lock(mutex_);
  const auto find = [&] { return peers_.find(trust_domain); };
  if (!started_) return Status::unavailable("the server does not federate yet");
  // Made known to the datastore a moment ago, it may not be among the peers yet.
  if (find() == peers_.end()) {
    lock.unlock();
    reconcile();
    lock.lock();
  }
  for (;;) {
    const auto at = find();
    if (at == peers_.end()) return false;
    if (stopping_) return Status::unavailable("the server is stopping");
    const std::int64_t wait = at->second.wait_ns(host_.monotonic_ns());
    if (!at->second.busy && wait <= 0) break;
    changed_.wait_for(lock, at->second.busy ? std::chrono::nanoseconds(kFetchTime)
                                            : std::chrono::nanoseconds(wait));
  }
  Peer& peer = find()->second;
  peer.busy = true;
  const FederatedDomain domain = peer.state.domain;
  ++tasks_;
  lock.unlock();
  const Status outcome = finish(trust_domain, domain, ask(domain));
  lock.lock();
  if (const auto at = find(); at != peers_.end()) at->second.busy = false;
  end_task(lock);
  if (!outcome.ok()) return outcome;
  return true;
}

Status FederationPoller::ask(const FederatedDomain& domain) {
  host_.count("bundle_manager.fetch.federated_bundle", {{"trust_domain_id", domain.trust_domain}});
  BundleFetch fetch;
  fetch.trust_domain = domain.trust_domain;
  fetch.url = domain.url;
  fetch.endpoint_id = domain.endpoint_id;
  fetch.allow_private = config_.federation.allow_private_endpoints;
  fetch.max_bytes = kMaxDocumentBytes;
  if (!domain.endpoint_id.empty()) {
    // The first time the bundle that the operator gave, later the latest one.
    SIGNET_TRY(const SpiffeId id, SpiffeId::parse(domain.endpoint_id));
    const BundlePtr bundle = bundles_.find(id.trust_domain_name());
    if (!bundle) {
      return Status::failed_precondition(
          "can't perform SPIFFE Authentication: local copy of bundle not found");
    }
    for (const auto& authority : bundle->message.x509_authorities()) {
      fetch.roots.push_back(authority.asn1());
    }
  }
  Result<std::string> document = source_->fetch(fetch, host_.deadline_in(kFetchTime), fetches_);
  if (document.status().code() == Code::kPermissionDenied && !fetch.allow_private) {
    return Status(
        Code::kPermissionDenied,
        document.status().message() + "; federation.allow_private_endpoints lets it be asked");
  }
  SIGNET_RETURN_IF_ERROR(document.status());
  SIGNET_TRY(const TrustDomain name, TrustDomain::parse(domain.trust_domain));
  SIGNET_TRY(const types::Bundle bundle, read_federated_document(name, *document));
  return store(domain, bundle);
}

Status FederationPoller::store(const FederatedDomain& domain, const types::Bundle& bundle) {
  const BundlePtr known = bundles_.find(domain.trust_domain);
  if (known && known->message.sequence_number() == bundle.sequence_number() &&
      known->message.refresh_hint() == bundle.refresh_hint() &&
      same_authorities(known->message, bundle)) {
    return {};
  }
  if (known && known->message.sequence_number() > bundle.sequence_number()) {
    host_.warn("Federated bundle has a lower sequence number than before",
               {{"type", "audit"},
                {"trust_domain_id", domain.trust_domain},
                {"sequence_number", bundle.sequence_number()},
                {"previous_sequence_number", known->message.sequence_number()}});
  }
  SIGNET_TRY(Transaction tx, datastore_.write());
  Record record = bundle_to_record(bundle);
  SIGNET_RETURN_IF_ERROR(tx.put(record));
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  bundles_.committed(record, revision);
  changes_.committed(revision);
  host_.count("bundle_manager.update.federated_bundle", {{"trust_domain_id", domain.trust_domain}});
  host_.info("Bundle refreshed", {{"trust_domain_id", domain.trust_domain},
                                  {"x509_authorities", bundle.x509_authorities_size()},
                                  {"jwt_authorities", bundle.jwt_authorities_size()},
                                  {"sequence_number", bundle.sequence_number()}});
  return {};
}

std::int64_t FederationPoller::hint_of(const std::string& trust_domain) const {
  const BundlePtr bundle = bundles_.find(trust_domain);
  return bundle ? bundle->message.refresh_hint() : 0;
}

Status FederationPoller::finish(const std::string& trust_domain, const FederatedDomain& asked,
                                const Status& outcome) {
  const seconds interval = poll_interval(hint_of(trust_domain));
  const bool have_bundle = bundles_.find(trust_domain) != nullptr;
  PeerState state;
  bool recovered = false;
  {
    const std::lock_guard lock(mutex_);
    const auto at = peers_.find(trust_domain);
    if (at == peers_.end()) return outcome;
    Peer& peer = at->second;
    const std::int64_t now = host_.monotonic_ns();
    peer.asked_ns = now;
    if (peer.state.domain != asked) return outcome;  // changed meanwhile: it is due again
    if (outcome.ok()) {
      recovered = peer.state.failures > 0;
      peer.state.good_at = host_.unix_seconds();
      peer.state.failures = 0;
      peer.state.error.clear();
    } else {
      ++peer.state.failures;
      peer.state.error = outcome.message();
    }
    const seconds next =
        outcome.ok() ? interval : retry_interval(interval, peer.state.failures, have_bundle);
    // A little early, so that a tick that comes late does not make it a second more.
    peer.next_ns = now + ns(next) - ns(kTick) / 4;
    state = peer.state;
    health_stale_ = true;
  }
  if (recovered) {
    host_.info("Federated bundle endpoint answers again", {{"trust_domain_id", trust_domain}});
  }
  if (!outcome.ok() && outcome.code() != Code::kCancelled) {
    host_.error("Error updating bundle", {{"trust_domain_id", trust_domain},
                                          {"bundle_endpoint_url", asked.url},
                                          {"failures", state.failures},
                                          Field::time("last_good", state.good_at),
                                          {"error", outcome.message()}});
  }
  return outcome;
}

std::vector<FederationPoller::PeerState> FederationPoller::peers() const {
  const std::lock_guard lock(mutex_);
  std::vector<PeerState> out;
  out.reserve(peers_.size());
  for (const auto& [name, peer] : peers_) out.push_back(peer.state);
  return out;
}

// An endpoint that fails is told, but makes the server neither dead nor unready: what is known
// of the trust domain goes on to be served.
void FederationPoller::tell_health() const {
  const std::int64_t now = host_.unix_seconds();
  nlohmann::json details = nlohmann::json::object();
  for (const PeerState& peer : peers()) {
    nlohmann::json one = {{"failures", peer.failures}};
    if (peer.good_at != 0) {
      one["age_seconds"] = now - peer.good_at;
      host_.gauge("bundle_manager.federated_bundle.age_seconds",
                  static_cast<double>(now - peer.good_at),
                  {{"trust_domain_id", peer.domain.trust_domain}});
    }
    if (!peer.error.empty()) one["error"] = peer.error;
    details[peer.domain.trust_domain] = std::move(one);
  }
  host_.set_health("federation", true, true,
                   details.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace signet::server
