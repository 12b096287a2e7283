#include "change_follower.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace signet::server {
namespace {

constexpr std::uint32_t kBatch = 1000;
// So that one question that is answered late, or not at all, leaves the views live.
constexpr std::chrono::milliseconds kTick{400};
constexpr std::chrono::seconds kFirstPause{1};
constexpr std::chrono::seconds kMostPause{30};
constexpr std::chrono::seconds kTellPeriod{1};

}  // namespace

Status ChangeFollower::start() {
  pause_ = kFirstPause;
  if (const Status first = load_first(); !first.ok()) {
    // A replica may break off a long read, or lag too far.
    host_.log_status(LogLevel::kWarn, "Loading what may be stale failed; loading anew", first);
    SIGNET_RETURN_IF_ERROR(load());
  }
  tell();
  SIGNET_RETURN_IF_ERROR(watch());
  return tick_.start_every(host_, kTick, [this] { tick(); });
}

void ChangeFollower::stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  tick_.stop();  // first: it may begin another watch
  watch_.stop();
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return !running_; });
}

Status ChangeFollower::watch() {
  std::uint64_t since = 0;
  {
    std::lock_guard lock(mutex_);
    since = cursor_;
    watched_ns_ = host_.monotonic_ns();
    watch_again_ns_ = 0;
  }
  return datastore_.watch(
      watch_, since, [this](std::uint64_t revision) { told(revision); },
      [this](const Status& status) { watch_ended(status); });
}

// Not the place to begin another one: this is the end of the call that the stream still holds.
void ChangeFollower::watch_ended(const Status& status) {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  const std::int64_t now = host_.monotonic_ns();
  const bool lasted = std::chrono::nanoseconds(now - watched_ns_) > pause_;
  pause_ = lasted ? kFirstPause : std::min<std::chrono::nanoseconds>(2 * pause_, kMostPause);
  watch_again_ns_ = now + pause_.count();
  host_.log_status(LogLevel::kError, "Datastore watch ended", status);
}

void ChangeFollower::tick() {
  bool due = false;
  {
    std::lock_guard lock(mutex_);
    due = watch_again_ns_ != 0 && watch_again_ns_ <= host_.monotonic_ns();
  }
  if (due) {
    if (const Status begun = watch(); !begun.ok()) watch_ended(begun);
  }
  ask();
  if (claim()) run();
  tell();
}

// Whoever watches may hang or be late; what is asked here is known, or known not to be.
void ChangeFollower::ask() {
  const std::int64_t now = host_.monotonic_ns();
  std::uint64_t cursor = 0;
  {
    std::lock_guard lock(mutex_);
    cursor = cursor_;
  }
  asking_ns_ = now;
  const auto latest = datastore_.latest(question_deadline());
  reachable_ = latest.ok();
  asking_ns_ = 0;
  if (!latest) {
    away_ = latest.status().message();
    return;
  }
  std::lock_guard lock(mutex_);
  // A standby took over without the last commits, or a backup was put back.
  if (*latest < cursor) reload_ = true;
  latest_ = std::max(latest_, *latest);
  asked_ns_ = now;
  answer_ = *latest;
  note_age();
}

// With mutex_ held.
void ChangeFollower::note_age() {
  if (cursor_ >= answer_ && !reload_) as_of_ns_ = std::max(as_of_ns_.load(), asked_ns_);
}

std::uint64_t ChangeFollower::reached() const {
  const std::lock_guard lock(mutex_);
  return cursor_;
}

std::chrono::nanoseconds ChangeFollower::age() const {
  return std::chrono::nanoseconds(host_.monotonic_ns() - as_of_ns_.load());
}

bool ChangeFollower::reachable() const {
  const std::int64_t asking = asking_ns_;
  return reachable_ &&
         (asking == 0 || host_.monotonic_ns() <= asking + std::chrono::nanoseconds(kLive).count());
}

Status ChangeFollower::out_of_date() const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age()).count();
  return Status::unavailable("the datastore is away, and what this server knows is " +
                             std::to_string(seconds) +
                             " s old, which is more than offline_issuance allows");
}

// The age as a metric, and in the details of the server's health.
void ChangeFollower::tell() {
  const double seconds = std::chrono::duration<double>(age()).count();
  host_.gauge("datastore.memory_age_seconds", seconds);
  const bool live = this->live();
  const std::int64_t now = host_.monotonic_ns();
  if (live ? told_live_ : now - told_ns_ < std::chrono::nanoseconds(kTellPeriod).count()) return;
  told_live_ = live;
  told_ns_ = now;
  nlohmann::json details = {{"memory_age_seconds", live ? 0 : static_cast<std::int64_t>(seconds)}};
  if (!live && !reachable()) details["away"] = away_;
  // Not dead for want of a database: another process would have none either, and know nothing.
  host_.set_health("catalog.datastore", true, trusted() || reachable(),
                   details.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// A restart reads everything, so from a replica where there is one; what that lacks is in the log.
Status ChangeFollower::load_first() {
  std::uint64_t revision = 0;
  {
    SIGNET_TRY(auto tx, datastore_.read_stale());
    SIGNET_RETURN_IF_ERROR(reload_all(tx));
    SIGNET_TRY(revision, tx.commit());
  }
  const std::int64_t now = host_.monotonic_ns();
  SIGNET_TRY(const std::uint64_t latest, datastore_.latest(INT64_MAX));
  loaded(revision, latest, now);
  if (claim()) run();
  std::lock_guard lock(mutex_);
  return cursor_ >= latest_ && !reload_
             ? Status()
             : Status::unavailable("the changes since what was read first cannot be read");
}

Status ChangeFollower::load() {
  // The revision is read first: a change that comes between the two reads is seen again, which
  // does no harm, and never missed.
  const std::int64_t now = host_.monotonic_ns();
  SIGNET_TRY(const std::uint64_t revision, datastore_.latest(INT64_MAX));
  SIGNET_TRY(auto tx, datastore_.read());
  SIGNET_RETURN_IF_ERROR(reload_all(tx));
  loaded(revision, revision, now);
  return {};
}

Status ChangeFollower::reload_all(Transaction& tx) {
  for (ChangeSubscriber* subscriber : subscribers_) {
    SIGNET_RETURN_IF_ERROR(subscriber->reload(tx));
  }
  return {};
}

// `latest` is what the datastore answered when it was asked at `asked_ns`.
void ChangeFollower::loaded(std::uint64_t revision, std::uint64_t latest, std::int64_t asked_ns) {
  std::lock_guard lock(mutex_);
  // Not the greater one: the views may have held what the datastore has lost.
  cursor_ = revision;
  latest_ = latest;
  // Ahead of the datastore is a replica of what that once was.
  reload_ = revision > latest;
  asked_ns_ = asked_ns;
  answer_ = latest;
  note_age();
}

void ChangeFollower::committed(std::uint64_t revision) {
  std::lock_guard lock(mutex_);
  if (cursor_ + 1 == revision) cursor_ = revision;
}

void ChangeFollower::told(std::uint64_t latest) {
  {
    std::lock_guard lock(mutex_);
    latest_ = std::max(latest_, latest);
  }
  if (!claim()) return;
  // This thread is the datastore's: the reading is done elsewhere.
  if (const Status posted = host_.post([this] { run(); }); !posted.ok()) {
    std::lock_guard lock(mutex_);
    running_ = false;
    idle_.notify_all();
  }
}

bool ChangeFollower::claim() {
  std::lock_guard lock(mutex_);
  if (stopping_ || running_ || (cursor_ >= latest_ && !reload_)) return false;
  running_ = true;
  return true;
}

void ChangeFollower::run() {
  Status status;
  while (status.ok()) {
    std::uint64_t since = 0;
    std::uint64_t latest = 0;
    bool anew = false;
    {
      std::lock_guard lock(mutex_);
      since = cursor_;
      latest = latest_;
      anew = reload_;
      if (stopping_ || (since >= latest && !anew)) break;
    }
    std::uint64_t reached = since;
    if (!anew) status = read_changes(since, reached);
    if (anew || status.code() == Code::kFailedPrecondition) {
      host_.warn("Change log no longer holds what is needed; loading everything again");
      status = load();
      continue;
    }
    std::lock_guard lock(mutex_);
    // Nothing more in the log: what was told of lies behind us.
    if (status.ok()) cursor_ = std::max(cursor_, reached == since ? latest : reached);
    note_age();
  }
  if (!status.ok()) {  // the timer tries again
    host_.log_status(LogLevel::kError, "Reading changes of the datastore failed", status);
  }
  std::lock_guard lock(mutex_);
  running_ = false;
  idle_.notify_all();
}

Status ChangeFollower::read_changes(std::uint64_t since, std::uint64_t& reached) {
  SIGNET_TRY(const std::vector<Change> changes, datastore_.changes(since, kBatch));
  std::unique_ptr<Transaction> tx;
  for (const Change& change : changes) {
    for (ChangeSubscriber* subscriber : subscribers_) {
      if (subscriber->kind() != change.kind || subscriber->knows(change)) continue;
      if (change.deleted) {
        subscriber->erase(change.id, change.revision);
        continue;
      }
      if (!tx) {
        SIGNET_TRY(auto begun, datastore_.read());
        tx = std::make_unique<Transaction>(std::move(begun));
      }
      auto record = tx->get(change.kind, change.id);
      if (record) {
        subscriber->apply(*record);
      } else if (record.status().code() == Code::kNotFound) {
        subscriber->erase(change.id, change.revision);  // deleted since; the log will say so too
      } else {
        return record.status();
      }
    }
    reached = std::max(reached, change.revision);
  }
  return {};
}

}  // namespace signet::server
