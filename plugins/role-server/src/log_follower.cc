#include "log_follower.h"

#include <chrono>
#include <thread>

namespace signet::server {
namespace {

constexpr uint32_t kRevisionsAtOnce = 1000;
constexpr auto kRetry = std::chrono::milliseconds(200);

Record record_view(const signet_record& r) {
  return {std::string(view(r.kind)), std::string(view(r.id)), r.row, r.revision, SIGNET_REVISION_ANY,
          r.expires_at,              {},                      std::string(view(r.body))};
}

}  // namespace

Status LogFollower::start() {
  {
    std::lock_guard lock(applying_);
    SIGNET_RETURN_IF_ERROR(load());
  }
  return store_.watch(watch_, revision(), [this](uint64_t latest) { wake(latest); });
}

void LogFollower::stop() {
  watch_.stop();
  std::unique_lock lock(mutex_);
  stopping_ = true;
  idle_.wait(lock, [&] { return !working_; });
}

Status LogFollower::load() {
  SIGNET_TRY(Transaction tx, store_.read());
  for (const Following& f : views_) {
    f.view->reset();
    Query all;
    all.kind = f.kind;
    SIGNET_RETURN_IF_ERROR(tx.for_each(all, [&](const signet_record& r) { f.view->put(record_view(r)); }));
  }
  // A read transaction's commit gives the revision of its snapshot.
  SIGNET_TRY(const uint64_t snapshot, tx.commit());
  revision_.store(snapshot, std::memory_order_release);
  return {};
}

Status LogFollower::apply() {
  while (true) {
    const uint64_t since = revision();
    Result<std::vector<Change>> changes = store_.changes(since, kRevisionsAtOnce);
    if (!changes && changes.status().code() == Code::kFailedPrecondition) {
      host_.warn("Revision log was compacted past this reader; loading anew", {{"revision", since}});
      return load();
    }
    if (!changes) return changes.status();
    if (changes->empty()) return {};
    SIGNET_TRY(Transaction tx, store_.read());
    uint64_t reached = since;
    for (const Change& change : *changes) {
      reached = std::max(reached, change.revision);
      for (const Following& f : views_) {
        if (f.kind != change.kind) continue;
        if (change.deleted) {
          f.view->erase(change.id);
          continue;
        }
        Result<Record> record = tx.get(change.kind, change.id);
        if (record) {
          f.view->put(*record);
        } else if (record.status().code() == Code::kNotFound) {
          f.view->erase(change.id);  // deleted since; that change follows
        } else {
          return record.status();
        }
      }
    }
    revision_.store(reached, std::memory_order_release);
  }
}

Status LogFollower::catch_up(uint64_t revision_wanted) {
  if (revision() >= revision_wanted) return {};
  std::lock_guard lock(applying_);
  return revision() >= revision_wanted ? Status() : apply();
}

void LogFollower::wake(uint64_t latest) {
  std::lock_guard lock(mutex_);
  wanted_ = std::max(wanted_, latest);
  if (working_ || stopping_) return;
  working_ = true;
  if (!host_.post([this] { work(); }).ok()) working_ = false;  // the next revision wakes us again
}

void LogFollower::work() {
  while (true) {
    uint64_t goal = 0;
    {
      std::lock_guard lock(mutex_);
      goal = wanted_;
      if (stopping_ || revision() >= goal) {
        working_ = false;
        idle_.notify_all();
        return;
      }
    }
    if (Status status = catch_up(goal); !status.ok()) {
      host_.log_status(LogLevel::kError, "Failed to follow the revision log", status);
      std::this_thread::sleep_for(kRetry);
    }
  }
}

}  // namespace signet::server
