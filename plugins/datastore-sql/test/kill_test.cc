// kill -9 at any moment loses nothing that was acknowledged.
//
// A child process commits and writes each acknowledged revision to a pipe; it is killed after
// a random number of them, at a random moment, and the file is looked at.
#include <cstdlib>
#include <map>
#include <random>
#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "sqlite_store.h"
#include "store_helpers.h"
#include "temp_folder.h"

namespace signet::datastore_sql {
namespace {

struct Acknowledged {
  std::uint64_t number = 0;  // of the commit, over all runs
  std::uint64_t revision = 0;
};

// Each commit: record "c<number>" is made, record "last" is changed, "c<number - 3>" deleted.
[[noreturn]] void write_until_killed(const std::string& path, std::uint64_t number, int out) {
  SqliteStore::Options options;
  options.path = path;
  options.kept_tombstones = 50;
  auto store = SqliteStore::open(options);
  if (!store) ::_exit(2);
  for (;; ++number) {
    auto tx = must_begin(**store, Mode::kWrite);
    const std::string id = "c" + std::to_string(number);
    if (!put(*tx, "entry", id, std::string(number % 9000, 'b'), 0,
             {{"selector", "n:" + std::to_string(number % 5)}, {"spiffe_id", id}})
             .ok()) {
      ::_exit(3);
    }
    if (!put(*tx, "meta", "last", std::to_string(number)).ok()) ::_exit(4);
    if (number > 3) (void)tx->erase("entry", "c" + std::to_string(number - 3));
    const auto revision = tx->commit();
    if (!revision) ::_exit(5);
    const Acknowledged done = {number, *revision};
    if (::write(out, &done, sizeof done) != sizeof done) ::_exit(6);
  }
}

// What is in the file agrees with the last commit that was acknowledged, or the one after it. What
// is found stays: the next run may be killed before it acknowledges anything.
void check(const std::string& path, Acknowledged& acknowledged) {
  SqliteStore::Options options;
  options.path = path;
  auto store = SqliteStore::open(options);
  ASSERT_TRUE(store) << store.status().to_string();
  const auto latest = (*store)->latest_revision();
  ASSERT_GE(latest, acknowledged.revision);
  ASSERT_LE(latest, acknowledged.revision + 1);
  if (latest == 0) return;
  auto tx = must_begin(**store, Mode::kRead);
  const auto last = get(*tx, "meta", "last");
  ASSERT_TRUE(last);
  const std::uint64_t number = std::stoull(last->body);
  ASSERT_GE(number, acknowledged.number);
  ASSERT_LE(number, acknowledged.number + 1);
  EXPECT_EQ(last->revision, latest);
  acknowledged = {number, latest};
  Query query;
  query.kind = "entry";
  std::uint64_t revision = 0;
  std::uint64_t row = 0;
  std::vector<std::string> found;
  ASSERT_TRUE(tx->query(query, [&](const RecordView& record) {
                  EXPECT_GT(record.revision, revision);
                  EXPECT_GT(record.row, row);
                  revision = record.revision;
                  row = record.row;
                  found.emplace_back(record.id);
                  return Status();
                }).ok());
  std::vector<std::string> wanted;
  for (std::uint64_t n = number > 3 ? number - 2 : 1; n <= number; ++n) {
    wanted.push_back("c" + std::to_string(n));
  }
  EXPECT_EQ(found, wanted);
  tx.reset();
  store->reset();
  auto connection = sqlite::Connection::open(path, SQLITE_OPEN_READONLY);
  auto statement = (*connection)->prepare("PRAGMA integrity_check", false);
  ASSERT_TRUE(statement && *(*statement)->step());
  EXPECT_EQ((*statement)->text(0), "ok");
}

TEST(KillNine, LosesNothingAcknowledged) {
  const char* asked = std::getenv("SIGNET_KILL_RUNS");
  const int runs = asked ? std::stoi(asked) : 12;
  const TempFolder folder;
  std::mt19937_64 random(std::random_device{}());
  Acknowledged acknowledged;
  for (int run = 0; run < runs; ++run) {
    SCOPED_TRACE("run " + std::to_string(run));
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(fds[0]);
      write_until_killed(folder.file(), acknowledged.number + 1, fds[1]);
    }
    ::close(fds[1]);
    Acknowledged one;
    // Nobody waits for a set time: the moment is so many commits and a few microseconds on.
    for (std::uint64_t left = random() % 40; left > 0; --left) {
      if (::read(fds[0], &one, sizeof one) != sizeof one) break;
      EXPECT_GT(one.revision, acknowledged.revision);
      acknowledged = one;
    }
    ::usleep(static_cast<useconds_t>(random() % 2000));
    ::kill(child, SIGKILL);
    int state = 0;
    ASSERT_EQ(::waitpid(child, &state, 0), child);
    EXPECT_TRUE(WIFSIGNALED(state)) << "exit code " << WEXITSTATUS(state);
    while (::read(fds[0], &one, sizeof one) == sizeof one) acknowledged = one;
    ::close(fds[0]);
    check(folder.file(), acknowledged);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace signet::datastore_sql
