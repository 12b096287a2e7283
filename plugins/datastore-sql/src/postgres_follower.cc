// The follower of a PostgresStore: hears of other servers' commits, and looks for the database
// server while it is away.
#include <charconv>
#include <poll.h>
#include <random>
#include <unistd.h>

#include "postgres_store.h"

namespace signet::datastore_sql {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{50};  // between attempts to connect; doubled up to
constexpr milliseconds kLongestPause{1000};
constexpr milliseconds kPollLimit{5000};

}  // namespace

void PostgresStore::follow() {
  std::unique_ptr<postgres::Connection> connection;
  bool listens = false;
  milliseconds pause = kFirstPause;
  std::minstd_rand random(std::random_device{}());
  while (!stopping_) {
    if (!away().ok()) connection.reset();  // another host may have taken over
    const bool was_up = connection != nullptr;
    const Status done = follow_once(connection, listens);
    pool_.tidy();
    if (replicas_) replicas_->tidy();
    if (done.ok()) {
      found();
      pause = kFirstPause;
      wait(connection.get(), listens ? options_.heartbeat : options_.poll);
      continue;
    }
    connection.reset();
    if (was_up) continue;  // lost just now: try at once
    lost(done);
    // Spread, so that many servers do not come back at the same moment.
    wait(nullptr, pause / 2 + milliseconds(random() % (static_cast<unsigned>(pause.count()) / 2)));
    pause = std::min(pause * 2, kLongestPause);
  }
}

// One look at the log's end; connects before it if need be.
Status PostgresStore::follow_once(std::unique_ptr<postgres::Connection>& connection,
                                  bool& listens) {
  if (!connection) {
    SIGNET_TRY(connection, postgres::Connection::open(options_.where, watchdog_, options_.trace));
    // Behind a pooler a session that listens would be another's with the next transaction.
    listens = options_.listen && !connection->pooled();
    if (listens) {
      SIGNET_RETURN_IF_ERROR(connection->listen(channel_, [this](const std::string& payload) {
        std::uint64_t revision = 0;
        const char* end = payload.data() + payload.size();
        if (std::from_chars(payload.data(), end, revision).ptr != end) return;
        reached(revision);
        announce(revision);
      }));
    }
  }
  SIGNET_RETURN_IF_ERROR(connection->notifications());
  SIGNET_TRY(auto rows, connection->query("SELECT name, value FROM counter "
                                          "WHERE name IN ('revision', 'log_start')",
                                          kPollLimit));
  for (;;) {
    SIGNET_TRY(const bool row, rows->step());
    if (!row) return {};
    const auto value = static_cast<std::uint64_t>(rows->integer(1));
    if (rows->text(0) == "log_start") {
      log_start_ = value;
    } else {
      reached(value);
      announce(value);
    }
  }
}

void PostgresStore::wake() const {
  if (wake_[1] >= 0) (void)!::write(wake_[1], "x", 1);
}

// Until the time is over, the store stops or the server is found away; notifications that
// come meanwhile are heard.
void PostgresStore::wait(postgres::Connection* connection, milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!stopping_) {
    const auto left =
        std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now()).count();
    if (left <= 0) return;
    pollfd fds[] = {{wake_[0], POLLIN, 0}, {connection ? connection->socket() : -1, POLLIN, 0}};
    if (::poll(fds, 2, static_cast<int>(left)) <= 0) continue;
    if (fds[0].revents != 0) {
      char bytes[64];
      while (::read(wake_[0], bytes, sizeof bytes) > 0) {
      }
      if (connection) return;  // woken: look at once
    }
    if (fds[1].revents != 0 && !connection->notifications().ok()) return;
  }
}

}  // namespace signet::datastore_sql
