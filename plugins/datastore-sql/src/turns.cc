#include "turns.h"

#include <algorithm>

namespace signet::datastore_sql {
namespace {

// Nobody waits longer than this for a turn, and a writer without a deadline not even as long.
constexpr std::chrono::nanoseconds kLongestWait = std::chrono::seconds(60);
constexpr std::chrono::nanoseconds kWithoutDeadline = std::chrono::seconds(10);

}  // namespace

Status WriterTurn::take(std::chrono::nanoseconds wait) {
  std::unique_lock lock(mutex_);
  if (taken_ && thread_ == std::this_thread::get_id()) {
    return Status::failed_precondition("this thread has a write transaction open already");
  }
  const bool has_deadline = wait <= kLongestWait;
  const Clock::time_point end = Clock::now() + (has_deadline ? wait : kWithoutDeadline);
  ++waiting_;
  while (taken_) {
    const Clock::time_point slow = since_ + kSlow;
    const Clock::time_point now = Clock::now();
    const bool crowded = !has_deadline && now >= slow && waiting_ > kMostBehindASlowOne;
    if (now >= end || crowded) {
      --waiting_;
      return Status::unavailable(now >= end
                                     ? "no turn to write to the datastore within the time allowed"
                                     : "the datastore is slow, and too many wait to write to it");
    }
    free_.wait_until(lock, now < slow ? std::min(end, slow) : end);
  }
  --waiting_;
  taken_ = true;
  since_ = Clock::now();
  thread_ = std::this_thread::get_id();
  return {};
}

void WriterTurn::give_back() {
  {
    const std::lock_guard lock(mutex_);
    taken_ = false;
    thread_ = {};
  }
  free_.notify_one();
}

Result<ConnectionPool::Taken> ConnectionPool::take(std::chrono::nanoseconds wait, bool fresh) {
  std::uint64_t generation = 0;
  std::unique_ptr<sql::Connection> closing;  // without the lock: it may take a while
  {
    std::unique_lock lock(mutex_);
    const bool free = free_.wait_for(lock, std::min(wait, kLongestWait),
                                     [this] { return !idle_.empty() || count_ < limits_.open; });
    if (!free) {
      return Status::unavailable("no turn to read from the datastore within the time allowed");
    }
    if (!idle_.empty() && (!fresh || count_ >= limits_.open)) {
      Taken taken{std::move(idle_.back().connection), true};
      idle_.pop_back();
      if (!fresh) return taken;
      closing = std::move(taken.connection);
      forget(closing.get());
      --count_;
    }
    ++count_;
    generation = generation_;
  }
  closing.reset();
  Result<std::unique_ptr<sql::Connection>> opened = open_();
  if (!opened) {
    give_back(nullptr);
    return opened.status();
  }
  const std::lock_guard lock(mutex_);
  known_.push_back({opened->get(), Clock::now(), generation});
  return Taken{std::move(*opened), false};
}

void ConnectionPool::give_back(std::unique_ptr<sql::Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (connection && !connection->broken() && idle_.size() < limits_.idle &&
        !expired(connection.get(), now)) {
      idle_.push_back({std::move(connection), now});
    } else {
      if (connection) forget(connection.get());
      --count_;
    }
  }
  free_.notify_one();
}

bool ConnectionPool::expired(const sql::Connection* connection, Clock::time_point now) const {
  const auto known = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& k) { return k.connection == connection; });
  return known != known_.end() &&
         (known->generation != generation_ || now - known->opened > limits_.lifetime);
}

void ConnectionPool::forget(const sql::Connection* connection) {
  std::erase_if(known_, [&](const Known& k) { return k.connection == connection; });
}

void ConnectionPool::tidy() {
  std::vector<std::unique_ptr<sql::Connection>> closing;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    for (Idle& idle : idle_) {
      if (now - idle.since <= limits_.idle_time && !expired(idle.connection.get(), now)) continue;
      forget(idle.connection.get());
      closing.push_back(std::move(idle.connection));
      --count_;
    }
    std::erase_if(idle_, [](const Idle& idle) { return !idle.connection; });
  }
  free_.notify_all();
}

void ConnectionPool::drop_all() {
  {
    const std::lock_guard lock(mutex_);
    ++generation_;
  }
  tidy();
}

}  // namespace signet::datastore_sql
