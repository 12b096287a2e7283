#include "change_follower.h"

#include <algorithm>

namespace signet::server {
namespace {

constexpr std::uint32_t kBatch = 1000;
constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kMostPause{30};

}  // namespace

Status ChangeFollower::start() {
  pause_ = kTick;
  SIGNET_RETURN_IF_ERROR(load());
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
  pause_ = lasted ? kTick : std::min<std::chrono::nanoseconds>(2 * pause_, kMostPause);
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
    // The log is asked either way: what came while nobody watched may be the last for long.
    if (const auto latest = latest_revision()) {
      std::lock_guard lock(mutex_);
      latest_ = std::max(latest_, *latest);
    }
  }
  if (claim()) run();
}

Result<std::uint64_t> ChangeFollower::latest_revision() const {
  SIGNET_TRY(auto tx, datastore_.read());
  return tx.commit();
}

Status ChangeFollower::load() {
  // The revision is read first: a change that comes between the two reads is seen again, which
  // does no harm, and never missed.
  SIGNET_TRY(const std::uint64_t revision, latest_revision());
  SIGNET_TRY(auto tx, datastore_.read());
  for (ChangeSubscriber* subscriber : subscribers_) {
    SIGNET_RETURN_IF_ERROR(subscriber->reload(tx));
  }
  std::lock_guard lock(mutex_);
  cursor_ = std::max(cursor_, revision);
  latest_ = std::max(latest_, revision);
  return {};
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
  if (stopping_ || running_ || cursor_ >= latest_) return false;
  running_ = true;
  return true;
}

void ChangeFollower::run() {
  Status status;
  while (status.ok()) {
    std::uint64_t since = 0;
    std::uint64_t latest = 0;
    {
      std::lock_guard lock(mutex_);
      since = cursor_;
      latest = latest_;
      if (stopping_ || since >= latest) break;
    }
    std::uint64_t reached = since;
    status = read_changes(since, reached);
    if (status.code() == Code::kFailedPrecondition) {
      host_.warn("Change log no longer holds what is needed; loading everything again");
      status = load();
    }
    std::lock_guard lock(mutex_);
    // Nothing more in the log: what was told of lies behind us.
    if (status.ok()) cursor_ = std::max(cursor_, reached == since ? latest : reached);
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
