#include "sql_store.h"

#include <algorithm>
#include <utility>

#include "sql_transaction.h"

namespace signet::datastore_sql {
namespace {

/// True when `to` was raised to `value`.
bool raise(std::atomic<std::uint64_t>& to, std::uint64_t value) {
  std::uint64_t now = to.load(std::memory_order_acquire);
  while (now < value) {
    if (to.compare_exchange_weak(now, value, std::memory_order_acq_rel)) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<Transaction>> SqlStore::begin(Mode mode, std::chrono::nanoseconds wait) {
  if (mode != Mode::kWrite) {
    SIGNET_TRY(ReadStart start, start_read(mode, wait));
    return std::unique_ptr<Transaction>(std::make_unique<SqlTransaction>(*this, std::move(start)));
  }
  SIGNET_RETURN_IF_ERROR(turn_.take(wait));
  Result<WriteStart> start = start_write(wait);
  if (!start) {
    turn_.give_back();
    return start.status();
  }
  return std::unique_ptr<Transaction>(std::make_unique<SqlTransaction>(*this, std::move(*start)));
}

void SqlStore::end_write(std::unique_ptr<sql::Connection> connection) {
  give_back_writer(std::move(connection));
  turn_.give_back();
}

Status SqlStore::changes(std::uint64_t since, std::uint32_t limit, std::chrono::nanoseconds wait,
                         const ChangeSink& sink) {
  SIGNET_TRY(ReadStart start, start_read(Mode::kRead, wait));
  Status done;
  if (since < start.log_start) {
    done = Status::failed_precondition("revision " + std::to_string(since) +
                                       " lies before the start of the change log, " +
                                       std::to_string(start.log_start) + ": load everything anew");
  } else if (since > start.revision) {
    // The database was restored, or its successor lacks what was never copied to it.
    done = Status::failed_precondition("revision " + std::to_string(since) +
                                       " lies past the end of the change log, " +
                                       std::to_string(start.revision) + ": load everything anew");
  } else if (since < start.revision) {
    done = read_log(*start.connection, since, limit, sink);
  }
  const Status ended = start.connection->roll_back();
  end_read(std::move(start.connection));
  return done.ok() ? ended : done;
}

Status SqlStore::save(sql::Connection& connection, const Counters& before, const Counters& now) {
  std::vector<std::uint64_t> old;
  for_each_counter(before, [&](std::string_view, std::uint64_t value) { old.push_back(value); });
  std::size_t i = 0;
  Status done;
  for_each_counter(now, [&](std::string_view name, std::uint64_t value) {
    const bool changed = value != old[i++];
    if (!done.ok() || !changed || (name == "revision" && revision_is_stored())) return;
    auto statement = connection.prepare(
        "INSERT INTO counter (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    done =
        statement ? (*statement)->bind_text(name).bind(value).run().status() : statement.status();
  });
  return done;
}

// Drops the oldest deletions. Live records need none of this: their revision is a column.
Status SqlStore::compact(sql::Connection& connection, Counters& now) {
  SIGNET_TRY(const std::int64_t cut,
             connection.integer("SELECT revision FROM tombstone ORDER BY revision DESC "
                                "LIMIT 1 OFFSET " +
                                std::to_string(kept_tombstones_)));
  if (cut != 0) {
    // One commit's deletions go or stay together; the newest commit's always stay.
    const std::uint64_t start =
        std::min(static_cast<std::uint64_t>(cut), now.revision == 0 ? 0 : now.revision - 1);
    SIGNET_TRY(auto statement, connection.prepare("DELETE FROM tombstone WHERE revision <= ?"));
    SIGNET_RETURN_IF_ERROR(statement->bind(start).run().status());
    now.log_start = std::max(now.log_start, start);
  }
  SIGNET_TRY(const std::int64_t left, connection.integer("SELECT count(*) FROM tombstone"));
  now.tombstones = static_cast<std::uint64_t>(left);
  return {};
}

Status SqlStore::commit(sql::Connection& connection, const Counters& before, const Counters& now) {
  Counters next = now;
  Status done;
  if (next.tombstones > kept_tombstones_ + kept_tombstones_ / 4) done = compact(connection, next);
  if (done.ok()) done = save(connection, before, next);
  if (done.ok()) done = commit_now(connection, next);
  if (!done.ok()) {
    (void)connection.roll_back();
    return done;
  }
  reached(next.revision);
  return {};
}

void SqlStore::reached(std::uint64_t revision) { raise(latest_, revision); }

void SqlStore::on_commit(std::function<void(std::uint64_t)> listener) {
  const std::lock_guard lock(listener_mutex_);
  listener_ = std::make_shared<const std::function<void(std::uint64_t)>>(std::move(listener));
}

void SqlStore::announce(std::uint64_t revision) {
  if (!raise(announced_, revision)) return;
  std::shared_ptr<const std::function<void(std::uint64_t)>> listener;
  {
    const std::lock_guard lock(listener_mutex_);
    listener = listener_;
  }
  if (listener) (*listener)(revision);
}

}  // namespace signet::datastore_sql
