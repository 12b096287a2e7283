#include "synchroniser.h"

#include <algorithm>
#include <atomic>

#include "refusals.h"
#include "wire.h"

namespace signet::agent {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kBundlesAtOnce = 10;
constexpr nanoseconds kHeldPause = std::chrono::seconds(1);
constexpr std::chrono::seconds kRarely{60};  // between questions to a server that tells by itself
constexpr std::chrono::milliseconds kMintBase{500};
constexpr std::chrono::minutes kMintCap{4};
constexpr std::chrono::seconds kTaintWindow{5};

nanoseconds sync_cap(nanoseconds interval) {
  return std::min<nanoseconds>(std::chrono::minutes(8), 48 * interval);
}

// Runs fn(0) ... fn(n-1), some of them side by side where workers are free; returns when all are
// done. A helper that no worker has taken up by then is not waited for and does nothing.
void side_by_side(const Host& host, std::size_t n, const std::function<void(std::size_t)>& fn) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::atomic<std::size_t> next{0};
    std::size_t helping = 0;
    bool over = false;
  };
  auto shared = std::make_shared<Shared>();
  const auto work = [shared, n, &fn] {
    for (std::size_t i = shared->next++; i < n; i = shared->next++) fn(i);
  };
  const auto help = [shared, work] {
    {
      const std::lock_guard lock(shared->mutex);
      if (shared->over) return;
      ++shared->helping;
    }
    work();
    const std::lock_guard lock(shared->mutex);
    --shared->helping;
    shared->changed.notify_all();
  };
  for (std::size_t i = 1; i < std::min(n, kBundlesAtOnce); ++i) {
    if (!host.post(help).ok()) break;  // no worker free: this one does it all
  }
  work();
  std::unique_lock lock(shared->mutex);
  shared->over = true;
  shared->changed.wait(lock, [&] { return shared->helping == 0; });
}

}  // namespace

Synchroniser::Synchroniser(Host host, const AgentConfig& config, ServerApi& server,
                           IdentityStore& store, JwtCache& jwt, Hooks hooks)
    : host_(std::move(host)),
      config_(config),
      server_(server),
      store_(store),
      jwt_(jwt),
      hooks_(std::move(hooks)),
      entries_(host_, config.use_sync_authorized_entries),
      sync_backoff_(config.sync_interval, sync_cap(config.sync_interval)),
      minter_(host_, server, store, config.workload_key_type),
      mint_backoff_(kMintBase, kMintCap),
      sync_loop_(host_, [this] { return sync_round(); }),
      mint_loop_(host_, [this] { return mint_round(); }) {
  store_.on_missing([this] { mint_loop_.kick(); });
}

Status Synchroniser::start_with(const x509::Bundle& bundle) { return take_own(bundle); }

Status Synchroniser::first_sync() {
  SIGNET_RETURN_IF_ERROR(sync());
  const IdentityStore::ToMint plan = store_.to_mint(minter_.limit());
  if (!plan.entries.empty()) SIGNET_RETURN_IF_ERROR(minter_.mint(plan.entries).status());
  return {};
}

void Synchroniser::start() {
  next_sync_ns_ = host_.monotonic_ns() + nanoseconds(config_.sync_interval).count();
  sync_loop_.start(config_.sync_interval);
  mint_loop_.start(nanoseconds(0));
}

void Synchroniser::stop() {
  std::optional<Told> told;
  {
    const std::lock_guard lock(told_mutex_);
    stopping_ = true;
    told.swap(told_);
  }
  if (told) told->taken(cancelled_at_the_end());
  sync_loop_.stop();
  mint_loop_.stop();
}

void Synchroniser::sync_soon() {
  soon_ = true;
  sync_loop_.kick();
}

void Synchroniser::sync_for_held(bool due) {
  if (live_ && !due) return;
  const std::int64_t now = host_.monotonic_ns();
  std::int64_t last = held_sync_ns_;
  if (last > now - kHeldPause.count() || !held_sync_ns_.compare_exchange_strong(last, now)) return;
  sync_soon();
}

void Synchroniser::set_live(bool live) {
  if (!live_.exchange(live) || live) return;
  live_ended_ = true;  // the next question is too far away now
  sync_loop_.kick();
}

void Synchroniser::take(delivery_v1::FollowResponse told, Taken taken) {
  {
    const std::lock_guard lock(told_mutex_);
    if (!stopping_) told_ = Told{std::move(told), std::exchange(taken, nullptr)};
  }
  if (taken) return taken(cancelled_at_the_end());
  sync_loop_.kick();
}

bool Synchroniser::tainted(const std::vector<x509::Certificate>& chain) const {
  x509::RootPool roots;
  {
    const std::lock_guard lock(mutex_);
    roots = tainted_roots_;
  }
  return !roots.empty() &&
         x509::verify_path(chain, roots, {x509::from_unix(host_.unix_seconds())}).ok();
}

// Bundles go out before what is signed under them, and entries last: nobody gets an SVID that its
// peers cannot verify yet.
Status Synchroniser::sync() {
  const std::int64_t began = host_.monotonic_ns();
  SIGNET_TRY(const EntrySync::Changes changes, entries_.run(server_));
  unknown_.clear();
  SIGNET_TRY(const types::Bundle wire, server_.bundle());
  SIGNET_TRY(BundleMap federated, federated_bundles([](const auto&) { return true; }));
  SIGNET_RETURN_IF_ERROR(take_own(wire));
  federated_ = std::move(federated);
  publish(changes, began);
  if (hooks_.level) hooks_.level(began);
  return {};
}

Status Synchroniser::apply(const delivery_v1::FollowResponse& told) {
  const std::int64_t began = host_.monotonic_ns();
  const EntrySync::Changes changes = entries_.apply(told);
  const std::set<std::string> named(told.bundles().begin(), told.bundles().end());
  for (const std::string& name : named) unknown_.erase(name);
  if (named.contains(config_.trust_domain.name())) {
    SIGNET_TRY(const types::Bundle wire, server_.bundle());
    SIGNET_RETURN_IF_ERROR(take_own(wire));
  }
  SIGNET_TRY(federated_, federated_bundles([&](const std::string& name) {
               return named.contains(name) || !federated_.contains(name);
             }));
  publish(changes, began);
  return {};
}

void Synchroniser::publish(const EntrySync::Changes& changes, std::int64_t began) {
  store_.set_bundles(own_, federated_);
  if (EntryChanges entries = entries_.take_changes(); !entries.empty())
    store_.change_entries(entries);
  store_.shed();
  if (changes.missing + changes.stale + changes.dropped > 0) {
    host_.debug("Entries synchronised",
                {{"missing", changes.missing},
                 {"stale", changes.stale},
                 {"dropped", changes.dropped},
                 {"elapsed_time", nanoseconds(host_.monotonic_ns() - began)}});
  }
  host_.gauge("sync_entries_total", static_cast<double>(entries_.count()));
}

Status Synchroniser::take_own(const types::Bundle& wire) {
  const auto own = bundle_from_wire(wire);
  if (own) return take_own(*own);
  host_.log_status(LogLevel::kError, "Received a malformed bundle", own.status());
  return {};
}

Status Synchroniser::take_own(const x509::Bundle& bundle) {
  if (bundle.trust_domain != config_.trust_domain)
    return Status::internal("the server sent the bundle of another trust domain");
  if (bundle_ && *bundle_ == bundle) return {};
  // The one thing that is never taken away: without authorities nobody could be believed any more.
  if (bundle.x509_authorities.empty()) {
    host_.warn("The server sent a bundle without X.509 authorities; the last one is kept");
    return {};
  }
  SIGNET_TRY(own_, bundle_data(bundle));
  bundle_ = bundle;
  host_.debug("Bundle updated", {{"trust_domain_id", bundle.trust_domain.id_string()},
                                 {"x509_authorities", bundle.x509_authorities.size()},
                                 {"jwt_authorities", bundle.jwt_authorities.size()}});
  store_.set_bundles(own_, federated_);
  if (hooks_.new_bundle) hooks_.new_bundle(bundle);
  process_taints(bundle);
  return {};
}

void Synchroniser::process_taints(const x509::Bundle& bundle) {
  std::vector<x509::Certificate> all;
  std::vector<x509::Certificate> fresh;
  for (const x509::X509Authority& authority : bundle.x509_authorities) {
    if (!authority.tainted) continue;
    all.push_back(authority.certificate);
    if (tainted_x509_.insert(crypto::to_string(authority.certificate.subject_key_id())).second)
      fresh.push_back(authority.certificate);
  }
  {
    const std::lock_guard lock(mutex_);
    tainted_roots_ = x509::RootPool(all);
  }
  if (!fresh.empty()) {
    const std::size_t count =
        store_.taint(x509::RootPool(fresh), [this](std::size_t n) { return taint_window(n); });
    host_.info("Tainted X.509 authorities: their X509-SVIDs are being replaced",
               {{"tainted_x509_svids", count}});
    mint_loop_.kick();
  }
  std::set<std::string> keys;
  for (const x509::JwtAuthority& authority : bundle.jwt_authorities) {
    if (authority.tainted && tainted_jwt_.insert(authority.key_id).second)
      keys.insert(authority.key_id);
  }
  if (keys.empty()) return;
  host_.info("Tainted JWT authorities: their tokens are dropped",
             {{"tainted_jwt_svids", jwt_.taint(keys)}});
}

// Thousands of agents learn of a taint at the same moment, and their server has other work too.
nanoseconds Synchroniser::taint_window(std::size_t svids) const {
  if (config_.taint_window.count() > 0) return config_.taint_window;
  const double rate = minter_.rate();
  const double at_half_speed = rate > 0 ? static_cast<double>(svids) / (rate / 2) : 0;
  return std::max<nanoseconds>(kTaintWindow,
                               nanoseconds(static_cast<std::int64_t>(at_half_speed * 1e9)));
}

// Of all trust domains that entries name: those that `ask` picks are asked for, the others are
// kept.
Result<BundleMap> Synchroniser::federated_bundles(
    const std::function<bool(const std::string&)>& ask) {
  BundleMap bundles;
  std::vector<std::string> names;
  for (const auto& [name, entries] : entries_.federates_with()) {
    if (ask(name) && !unknown_.contains(name)) {
      names.push_back(name);
    } else if (const auto known = federated_.find(name); known != federated_.end()) {
      bundles.insert(*known);
    }
  }
  std::vector<Result<BundlePtr>> answers(names.size(), Result<BundlePtr>(BundlePtr()));
  side_by_side(host_, names.size(),
               [&](std::size_t i) { answers[i] = federated_bundle(names[i]); });
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!answers[i]) return answers[i].status();
    if (*answers[i]) {
      bundles[names[i]] = *answers[i];
    } else {
      unknown_.insert(names[i]);
    }
  }
  return bundles;
}

// Null when there is nothing to hand out. The pointer is the same as long as the bundle is.
Result<BundlePtr> Synchroniser::federated_bundle(const std::string& trust_domain) {
  const auto known = federated_.find(trust_domain);
  const BundlePtr last = known == federated_.end() ? nullptr : known->second;
  auto wire = server_.federated_bundle(trust_domain, INT64_MAX);
  if (!wire && wire.status().code() == Code::kNotFound) {
    host_.warn("Federated bundle not found", {{"trust_domain_id", trust_domain}});
    return BundlePtr();
  }
  if (!wire) return wire.status();
  auto bundle = bundle_from_wire(*wire);
  if (bundle && bundle->trust_domain.name() != trust_domain)
    bundle = Status::invalid_argument("it is of another trust domain");
  if (!bundle) {
    host_.log_status(LogLevel::kWarn, "Received a malformed federated bundle", bundle.status());
    return last;
  }
  if (last && *static_cast<const x509::Bundle*>(last->parsed.get()) == *bundle) return last;
  return bundle_data(*bundle);
}

nanoseconds Synchroniser::sync_round() {
  std::optional<Told> told;
  {
    const std::lock_guard lock(told_mutex_);
    told.swap(told_);
  }
  const std::int64_t now = host_.monotonic_ns();
  if (live_ended_.exchange(false))
    next_sync_ns_ = std::min(next_sync_ns_, now + nanoseconds(config_.sync_interval).count());
  const bool all = told ? told->answer.resync() : soon_ || now >= next_sync_ns_;
  if (!told && !all) return nanoseconds(next_sync_ns_ - now);
  if (all) soon_ = false;
  const Status status = all ? sync() : apply(told->answer);
  nanoseconds wait(0);
  if (!status.ok()) {
    wait = failed(status);
    sync_failed_ = true;
  } else {
    sync_backoff_.reset();
    if (std::exchange(sync_failed_, false)) reached_again_ = true;
    mint_loop_.kick();
    const nanoseconds left(std::max<std::int64_t>(next_sync_ns_ - host_.monotonic_ns(), 0));
    if (all) {
      wait = until_next_sync();
    } else if (!soon_) {
      wait = std::min(left, until_next_sync());  // what was told may end soon
    }
  }
  next_sync_ns_ = host_.monotonic_ns() + wait.count();
  if (told && status.ok()) revision_ = told->answer.revision();
  if (told) told->taken(status);
  return wait;
}

nanoseconds Synchroniser::failed(const Status& status) {
  if (status.code() == Code::kCancelled) return sync_backoff_.next();  // we are stopping
  host_.log_status(LogLevel::kError, "Failed to sync with SPIRE Server", status);
  if (hooks_.failed) hooks_.failed(status);
  const nanoseconds wait = sync_backoff_.next();
  // Who has nothing to serve keeps asking.
  return store_.counts().x509_svids == 0 ? std::min<nanoseconds>(wait, std::chrono::seconds(5))
                                         : wait;
}

// Never later than the interval after anything that the server might not tell of: a deletion has
// to be seen by then, and so has an entry's end, which only the server's clock decides.
nanoseconds Synchroniser::until_next_sync() {
  nanoseconds wait = config_.sync_interval;
  if (live_) {
    wait = std::max<nanoseconds>(wait, kRarely);
    if (const std::int64_t expiry = entries_.next_expiry(); expiry != INT64_MAX) {
      const auto left =
          std::chrono::seconds(std::max<std::int64_t>(expiry - host_.unix_seconds(), 0));
      wait = std::clamp<nanoseconds>(left, config_.sync_interval, wait);
    }
  }
  return nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(wait.count()) * (0.9 + 0.1 * random_unit())));
}

nanoseconds Synchroniser::mint_round() {
  // What failed while the server was away says nothing about one that is back.
  if (reached_again_.exchange(false)) {
    mint_backoff_.reset();
    mint_not_before_ns_ = 0;
  }
  // Callers wake this loop; after a failure they do not make it ask more often.
  if (const std::int64_t now = host_.monotonic_ns(); now < mint_not_before_ns_)
    return nanoseconds(mint_not_before_ns_ - now);
  const IdentityStore::ToMint plan = store_.to_mint(minter_.limit());
  if (plan.entries.empty()) return plan.check_after;
  const Result<Minter::Done> done = minter_.mint(plan.entries);
  if (done) {  // who was refused an item waits for itself alone
    mint_backoff_.reset();
    const bool more = plan.missing + plan.stale > plan.entries.size();
    return more ? nanoseconds(0) : plan.check_after;
  }
  host_.log_status(LogLevel::kError, "Failed to renew SVIDs", done.status());
  if (hooks_.failed) hooks_.failed(done.status());
  const nanoseconds wait = mint_backoff_.next();
  mint_not_before_ns_ = host_.monotonic_ns() + wait.count();
  return wait;
}

}  // namespace signet::agent
