#include "caller_attestor.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "refusals.h"

namespace signet::agent {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::hours kIdle{1};
// How late a caller may be told that a straggler is not waited for any longer.
constexpr std::chrono::milliseconds kLook{100};

}  // namespace

// One attestation that is under way, and who waits for it.
struct CallerAttestor::Flight {
  struct Waiter {
    std::int64_t until_ns;  // then with what there is
    Done done;
  };
  std::shared_ptr<const CallerProcess> caller;
  ProcessFingerprint fingerprint;  // before the first attestor looked
  std::int64_t began_ns = 0;
  std::size_t unanswered = 0;
  std::size_t succeeded = 0;
  std::size_t refused = 0;
  bool late = false;  // somebody has gone on without an answer: later calls get a fresh attempt
  SelectorSet selectors;
  std::vector<Waiter> waiters;

  CallerKey key() const { return {caller->peer().pid, caller->peer().start_time}; }
  // Two living processes cannot share an ID, so it is the same one as long as this one lives.
  bool takes(const CallerProcess& other, const ProcessFingerprint& now) const {
    return !late && caller->peer().uid == other.peer().uid &&
           caller->peer().gid == other.peer().gid && fingerprint == now && caller->alive();
  }
};

struct CallerAttestor::Shared {
  explicit Shared(const Host& h) : host(h), attestors(h) {}

  Result<SelectorsPtr> outcome(const Flight& flight, SelectorSet selectors, std::size_t succeeded,
                               std::size_t refused) const;
  void answer(const std::shared_ptr<Flight>& flight, const std::string& name,
              Result<std::vector<std::string>> values);
  void refuse(const std::shared_ptr<Flight>& flight);
  void answered_locked(const std::shared_ptr<Flight>& flight, std::unique_lock<std::mutex>& lock);
  void watch_locked();
  void tell(const std::vector<Flight::Waiter>& waiters, const Result<SelectorsPtr>& found);
  bool look(std::int64_t now_ns);

  const Host host;
  AttestorSet attestors;
  CallerCache cache;
  Loop* sweeper = nullptr;  // until stop()
  std::mutex mutex;
  // Of a process that has become something else meanwhile there are several.
  std::unordered_multimap<CallerKey, std::shared_ptr<Flight>, CallerKeyHash> flights;
  std::size_t telling = 0;  // how many are about to tell callers what was found
  std::condition_variable told;
  bool begun = false;  // something, since the last look
  bool watched = false;
  bool stopped = false;
};

// The process must be the one that connected now as well, and what the attestors looked at must
// not have been exchanged under them.
Result<SelectorsPtr> CallerAttestor::Shared::outcome(const Flight& flight, SelectorSet selectors,
                                                     std::size_t succeeded,
                                                     std::size_t refused) const {
  if (refused == attestors.size()) return overloaded();
  if (succeeded == 0) return attestation_failed();
  const Result<ProcessFingerprint> now = flight.caller->fingerprint();
  if (!flight.caller->alive() || !now || *now != flight.fingerprint) {
    host.warn("Caller changed while it was attested", {{"pid", flight.caller->peer().pid}});
    return attestation_failed();
  }
  normalise(selectors);
  return std::make_shared<const SelectorSet>(std::move(selectors));
}

void CallerAttestor::Shared::answer(const std::shared_ptr<Flight>& flight, const std::string& name,
                                    Result<std::vector<std::string>> values) {
  std::unique_lock lock(mutex);
  if (values) {
    for (std::string& value : *values) flight->selectors.push_back({name, std::move(value)});
    ++flight->succeeded;
  }
  answered_locked(flight, lock);
}

void CallerAttestor::Shared::refuse(const std::shared_ptr<Flight>& flight) {
  std::unique_lock lock(mutex);
  ++flight->refused;
  answered_locked(flight, lock);
}

void CallerAttestor::Shared::answered_locked(const std::shared_ptr<Flight>& flight,
                                             std::unique_lock<std::mutex>& lock) {
  if (--flight->unanswered > 0) return;
  const auto [first, last] = flights.equal_range(flight->key());
  const auto at = std::find_if(first, last, [&](const auto& f) { return f.second == flight; });
  if (at != last) flights.erase(at);
  const std::vector<Flight::Waiter> waiters = std::exchange(flight->waiters, {});
  ++telling;
  lock.unlock();
  // Nobody else looks at what changes in the flight any more.
  const Result<SelectorsPtr> found =
      outcome(*flight, std::move(flight->selectors), flight->succeeded, flight->refused);
  if (found && flight->succeeded == attestors.size() &&
      cache.remember({flight->caller, flight->fingerprint, *found, flight->began_ns})) {
    const std::lock_guard again(mutex);
    watch_locked();
  }
  tell(waiters, found);
}

void CallerAttestor::Shared::tell(const std::vector<Flight::Waiter>& waiters,
                                  const Result<SelectorsPtr>& found) {
  for (const Flight::Waiter& waiter : waiters) waiter.done(found);
  const std::lock_guard lock(mutex);
  if (--telling == 0) told.notify_all();
}

void CallerAttestor::Shared::watch_locked() {
  begun = true;
  if (!std::exchange(watched, true) && sweeper != nullptr) sweeper->kick();
}

// Answers who has waited for long enough. False: nothing is to be looked at for now.
bool CallerAttestor::Shared::look(std::int64_t now_ns) {
  struct Due {
    std::shared_ptr<Flight> flight;
    SelectorSet selectors;
    std::size_t succeeded;
    std::vector<Flight::Waiter> waiters;
  };
  std::vector<Due> over;
  bool more = false;
  {
    const std::lock_guard lock(mutex);
    for (auto at = flights.begin(); at != flights.end();) {
      const auto here = at++;
      const std::shared_ptr<Flight> flight = here->second;
      const auto due =
          std::partition(flight->waiters.begin(), flight->waiters.end(),
                         [now_ns](const auto& waiter) { return now_ns < waiter.until_ns; });
      if (due == flight->waiters.end()) continue;
      flight->late = true;
      over.push_back({flight,
                      flight->selectors,
                      flight->succeeded,
                      {std::move_iterator(due), std::move_iterator(flight->waiters.end())}});
      flight->waiters.erase(due, flight->waiters.end());
      if (flight->waiters.empty()) flights.erase(here);  // nobody wants its answers any more
    }
    more = std::exchange(begun, false) || !flights.empty();
    watched = more;
    telling += over.size();
  }
  for (Due& due : over) {
    host.warn("A workload attestor does not answer in time",
              {{"pid", due.flight->caller->peer().pid}});
    const Result<SelectorsPtr> found =
        outcome(*due.flight, std::move(due.selectors), due.succeeded, 0);
    tell(due.waiters, found);
  }
  return more;
}

CallerAttestor::CallerAttestor(Host host)
    : shared_(std::make_shared<Shared>(host)), sweeper_(host, [this] { return sweep(); }) {
  shared_->sweeper = &sweeper_;
}

CallerAttestor::~CallerAttestor() { stop(); }

Status CallerAttestor::start() {
  if (shared_->attestors.size() > 0) return {};
  SIGNET_RETURN_IF_ERROR(shared_->attestors.start());
  sweeper_.start(kIdle);
  return {};
}

void CallerAttestor::stop() {
  std::vector<Flight::Waiter> waiters;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
    shared_->sweeper = nullptr;
    for (const auto& [key, flight] : shared_->flights) {
      for (Flight::Waiter& waiter : flight->waiters) waiters.push_back(std::move(waiter));
      flight->waiters.clear();
    }
    shared_->flights.clear();
  }
  for (const Flight::Waiter& waiter : waiters) waiter.done(shutting_down());
  std::unique_lock lock(shared_->mutex);
  shared_->told.wait(lock, [this] { return shared_->telling == 0; });
}

SelectorsPtr CallerAttestor::cached(const RpcPeer& peer) {
  return shared_->cache.find(peer, shared_->host.monotonic_ns());
}

void CallerAttestor::attest(const std::shared_ptr<const CallerProcess>& caller,
                            std::int64_t deadline_ns, Done done) {
  Shared& shared = *shared_;
  const Result<ProcessFingerprint> fingerprint = caller->fingerprint();
  if (!fingerprint) return done(attestation_failed());
  const std::size_t count = shared.attestors.size();
  const std::int64_t now = shared.host.monotonic_ns();
  const std::int64_t patience = nanoseconds(count == 1 ? kPatienceWithOne : kPatience).count();
  // Half of the caller's time is left for what is to be done with the selectors.
  const std::int64_t left = std::max<std::int64_t>(deadline_ns - now, 0);
  Flight::Waiter waiter{now + std::min(patience, count == 1 ? left : left / 2), std::move(done)};
  auto flight = std::make_shared<Flight>();
  {
    std::unique_lock lock(shared.mutex);
    if (shared.stopped) {
      lock.unlock();
      return waiter.done(shutting_down());
    }
    const auto [first, last] =
        shared.flights.equal_range({caller->peer().pid, caller->peer().start_time});
    for (auto at = first; at != last; ++at) {
      if (!at->second->takes(*caller, *fingerprint)) continue;
      at->second->waiters.push_back(std::move(waiter));
      return;
    }
    flight->caller = caller;
    flight->fingerprint = *fingerprint;
    flight->began_ns = now;
    flight->unanswered = count;
    flight->waiters.push_back(std::move(waiter));
    shared.flights.emplace(flight->key(), flight);
    shared.watch_locked();
  }
  for (std::size_t n = 0; n < count; ++n) {
    const auto wanted = [weak = std::weak_ptr(flight)] {
      const auto still = weak.lock();
      return still ? still->caller : nullptr;
    };
    const auto answered = [state = shared_, weak = std::weak_ptr(flight), n](auto answer) {
      if (const auto still = weak.lock())
        state->answer(still, state->attestors.name(n), std::move(answer.values));
    };
    if (!shared.attestors.ask(n, caller->peer().uid, wanted, now + patience, answered).ok())
      shared.refuse(flight);
  }
}

void CallerAttestor::attest_caller(const std::shared_ptr<ServerCall>& call, Done done) {
  if (const SelectorsPtr known = cached(call->peer())) return done(known);
  // Pinned here, where the peer still is the connection's; the attestors may take their time.
  Result<std::shared_ptr<const CallerProcess>> caller = CallerProcess::pin(call->peer());
  if (!caller) {
    shared_->host.log_status(LogLevel::kError, "Failed to attest the workload", caller.status());
    return done(attestation_failed());
  }
  attest(*caller, call->deadline_ns(), std::move(done));
}

std::vector<AttestorReport> CallerAttestor::examine(
    const std::shared_ptr<const CallerProcess>& caller, std::int64_t deadline_ns) {
  struct Gathering {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t unanswered = 0;
    bool over = false;
    std::vector<AttestorReport> reports;
  };
  const Host& host = shared_->host;
  AttestorSet& attestors = shared_->attestors;
  const nanoseconds patience(std::max<std::int64_t>(deadline_ns - host.monotonic_ns(), 0));
  const std::int64_t as_for_callers_ns = std::max(deadline_ns, host.deadline_in(kPatience));
  const auto gathering = std::make_shared<Gathering>();
  gathering->unanswered = attestors.size();
  for (std::size_t n = 0; n < attestors.size(); ++n) {
    gathering->reports.push_back({attestors.name(n),
                                  patience,
                                  Status::deadline_exceeded("it did not answer in time"),
                                  {},
                                  false});
  }
  for (std::size_t n = 0; n < attestors.size(); ++n) {
    const auto wanted = [gathering, caller] {
      const std::lock_guard lock(gathering->mutex);
      return gathering->over ? nullptr : caller;
    };
    const auto answered = [gathering, n](AttestorSet::Answer answer) {
      const std::lock_guard lock(gathering->mutex);
      AttestorReport& report = gathering->reports[n];
      report.took = answer.took;
      report.status = answer.values.status();
      report.answered = true;
      if (answer.values) report.values = std::move(*answer.values);
      --gathering->unanswered;
      gathering->changed.notify_all();
    };
    // Without a worker, in turn on this one: it waits for the answer anyhow.
    if (!attestors.ask(n, caller->peer().uid, wanted, as_for_callers_ns, answered).ok())
      answered(attestors.ask_here(n, *caller, deadline_ns));
  }
  std::unique_lock lock(gathering->mutex);
  gathering->changed.wait_for(lock, patience, [&] { return gathering->unanswered == 0; });
  gathering->over = true;
  return gathering->reports;
}

nanoseconds CallerAttestor::sweep() {
  const std::int64_t now = shared_->host.monotonic_ns();
  const bool looking = shared_->look(now);
  const bool remembering = shared_->cache.forget_old(now);
  if (looking) return kLook;
  return remembering ? nanoseconds(CallerCache::kFreshNs) : nanoseconds(kIdle);
}

}  // namespace signet::agent
