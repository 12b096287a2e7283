// What signet/abi/datastore.h promises, asked of a shared object whose database is empty and
// nobody else's.
//
//   datastore-conformance --plugin FILE.so --config JSON
#include <atomic>
#include <condition_variable>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/datastore.h"

#include "suite_main.h"

namespace signet::conformance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Keys = std::vector<std::pair<std::string, std::string>>;

PluginUnderTest& plugin() {
  static PluginUnderTest plugin{.type = "DataStore"};
  return plugin;
}
ScopeUnderTest& scope() { return scope_of_program(plugin()); }

Record record(std::string kind, std::string id, std::string body = "", Keys keys = {}) {
  Record made;
  made.kind = std::move(kind);
  made.id = std::move(id);
  made.body = std::move(body);
  made.keys = std::move(keys);
  return made;
}

class DatastoreSuite : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(scope().status().ok()) << scope().status().to_string();
    store_.emplace(open(scope()));
    empty();
  }
  static Datastore open(const ScopeUnderTest& of) {
    auto store = Datastore::acquire(of.host());
    if (!store) throw std::runtime_error(store.status().to_string());
    return std::move(*store);
  }
  Transaction must(Result<Transaction> tx) {
    if (!tx) throw std::runtime_error(tx.status().to_string());
    return std::move(*tx);
  }
  Transaction write() { return must(store_->write()); }
  Transaction read() { return must(store_->read()); }
  std::uint64_t put(Record made) {
    Transaction tx = write();
    const Status done = tx.put(made);
    EXPECT_TRUE(done.ok()) << done.to_string();
    const auto revision = tx.commit();
    EXPECT_TRUE(revision.ok()) << revision.status().to_string();
    return revision.ok() ? *revision : 0;
  }
  /// IDs in the order of the answer.
  std::vector<std::string> ids(const Query& query) {
    Transaction tx = read();
    const auto found = tx.query(query);
    EXPECT_TRUE(found.ok()) << found.status().to_string();
    std::vector<std::string> out;
    if (found.ok()) {
      for (const Record& each : *found) out.push_back(each.id);
      const auto count = tx.count(query);
      EXPECT_TRUE(count.ok() && *count == out.size()) << "a count is of the same";
    }
    return out;
  }
  static Query all(std::string kind) {
    Query query;
    query.kind = std::move(kind);
    return query;
  }
  void empty() {
    Transaction tx = write();
    for (const char* kind :
         {"entry", "agent", "bundle", "join_token", "federation", "journal", "meta"}) {
      const auto found = tx.query(all(kind));
      ASSERT_TRUE(found.ok()) << found.status().to_string();
      for (const Record& each : *found) ASSERT_TRUE(tx.erase(kind, each.id).ok());
    }
    ASSERT_TRUE(tx.commit().ok());
  }

  std::optional<Datastore> store_;
};

TEST_F(DatastoreSuite, KeepsWhatItIsGivenByteByByte) {
  std::string body("\0\xff'\";--\n", 8);
  body.append(100'000, 'b');
  Record made = record("entry", "it's", body, {{"spiffe_id", "a"}, {"selector", "unix:uid:1"}});
  made.expires_at = 77;
  const std::uint64_t revision = put(made);
  Transaction tx = read();
  const auto found = tx.get("entry", "it's");
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_EQ(found->body, body);
  EXPECT_EQ(found->expires_at, 77);
  EXPECT_EQ(found->revision, revision);
  EXPECT_GT(found->row, 0u);
  EXPECT_EQ(tx.get("agent", "it's").status().code(), Code::kNotFound) << "kinds are apart";
}

TEST_F(DatastoreSuite, RefusesWhatIsNoRecord) {
  Transaction tx = write();
  const auto code = [&](Record made) { return tx.put(made).code(); };
  EXPECT_EQ(code(record("colour", "a")), Code::kInvalidArgument);
  EXPECT_EQ(code(record("entry", "")), Code::kInvalidArgument);
  EXPECT_EQ(code(record("entry", std::string(2049, 'i'))), Code::kInvalidArgument);
  EXPECT_EQ(code(record("entry", "a", "", {{"colour", "red"}})), Code::kInvalidArgument);
  EXPECT_EQ(code(record("bundle", "a", "", {{"selector", "a:b"}})), Code::kInvalidArgument);
  EXPECT_TRUE(code(record("entry", std::string(2048, 'i'))) == Code::kOk);
  EXPECT_TRUE(tx.commit().ok()) << "what was refused spoils nothing";
  Query query = all("entry");
  query.where = {{"colour", "red"}};
  EXPECT_EQ(read().query(query).status().code(), Code::kInvalidArgument);
  query.where = {};
  query.selector_match = 4;
  EXPECT_EQ(read().query(query).status().code(), Code::kInvalidArgument);
}

TEST_F(DatastoreSuite, RevisionsGuardWrites) {
  const std::uint64_t first = put(record("journal", "j", "1"));
  Transaction tx = write();
  Record made = record("journal", "j", "2");
  made.if_revision = SIGNET_REVISION_ABSENT;
  EXPECT_EQ(tx.put(made).code(), Code::kAlreadyExists);
  made.if_revision = static_cast<std::int64_t>(first) + 1;
  EXPECT_EQ(tx.put(made).code(), Code::kAborted);
  made.if_revision = static_cast<std::int64_t>(first);
  EXPECT_TRUE(tx.put(made).ok());
  const auto second = tx.commit();
  ASSERT_TRUE(second.ok());
  EXPECT_GT(*second, first);
  EXPECT_EQ(read().get("journal", "j")->revision, *second);
}

TEST_F(DatastoreSuite, ACommitThatChangesNothingHasNoRevision) {
  const std::uint64_t revision = put(record("meta", "a"));
  Transaction tx = write();
  EXPECT_EQ(tx.erase("meta", "none").code(), Code::kNotFound);
  EXPECT_EQ(*tx.commit(), revision);
  EXPECT_EQ(*read().commit(), revision);
  EXPECT_EQ(*store_->latest(INT64_MAX), revision);
}

TEST_F(DatastoreSuite, RowsAscendAndAreNeverUsedAgain) {
  put(record("entry", "a"));
  put(record("entry", "b"));
  const std::uint64_t a = read().get("entry", "a")->row;
  const std::uint64_t b = read().get("entry", "b")->row;
  EXPECT_LT(a, b);
  Transaction tx = write();
  ASSERT_TRUE(tx.erase("entry", "b").ok());
  ASSERT_TRUE(tx.commit().ok());
  put(record("entry", "b"));
  put(record("entry", "a", "changed"));
  EXPECT_GT(read().get("entry", "b")->row, b);
  EXPECT_EQ(read().get("entry", "a")->row, a);
}

TEST_F(DatastoreSuite, ABatchIsAllOrNothing) {
  const auto handle =
      ServiceHandle<signet_datastore>::acquire(scope().host(), SIGNET_DATASTORE, "");
  ASSERT_TRUE(handle.ok());
  signet_record batch[2]{};
  for (signet_record& each : batch) {
    each.struct_size = sizeof each;
    each.kind = to_abi(std::string_view("meta"));
    each.if_revision = SIGNET_REVISION_ABSENT;
  }
  const auto put_both = [&](std::string_view one, std::string_view other) {
    batch[0].id = to_abi(one);
    batch[1].id = to_abi(other);
    signet_status of_put = SIGNET_OK;
    const Status done = handle->call(
        INT64_MAX, [](std::uint32_t, const void*, std::size_t) {},
        [&](const signet_datastore& api, signet_instance* i, signet_call* c) -> signet_status {
          signet_tx* tx = nullptr;
          if (const signet_status s = api.begin(i, c, SIGNET_TX_WRITE, &tx); s != SIGNET_OK)
            return s;
          of_put = api.put(tx, c, batch, 2);
          std::uint64_t revision = 0;
          return api.commit(tx, c, &revision);
        });
    EXPECT_TRUE(done.ok()) << done.to_string();
    return of_put;
  };
  EXPECT_EQ(put_both("a", "b"), SIGNET_OK);
  EXPECT_LT(batch[0].row, batch[1].row);
  EXPECT_EQ(put_both("c", "a"), SIGNET_ALREADY_EXISTS);
  EXPECT_THAT(ids(all("meta")), ElementsAre("a", "b"));
}

TEST_F(DatastoreSuite, OneBadItemNeverFailsTheOthers) {
  Transaction tx = write();
  for (int n = 0; n < 6; ++n) {
    ASSERT_TRUE(tx.mark().ok());
    Record made = record("entry", "e" + std::to_string(n), "", {{"selector", "a:b"}});
    ASSERT_TRUE(tx.put(made).ok());
    if (n % 2 == 1) {
      ASSERT_TRUE(tx.undo().ok());
    }
  }
  ASSERT_TRUE(tx.commit().ok());
  EXPECT_THAT(ids(all("entry")), ElementsAre("e0", "e2", "e4"));
}

TEST_F(DatastoreSuite, WhatIsNotCommittedNeverWas) {
  const std::uint64_t before = *store_->latest(INT64_MAX);
  {
    Transaction tx = write();
    Record made = record("meta", "a");
    ASSERT_TRUE(tx.put(made).ok());
  }
  EXPECT_EQ(read().get("meta", "a").status().code(), Code::kNotFound);
  EXPECT_EQ(*store_->latest(INT64_MAX), before);
}

TEST_F(DatastoreSuite, AReaderSeesOneMoment) {
  put(record("meta", "a", "old"));
  Transaction reader = read();
  ASSERT_EQ(reader.get("meta", "a")->body, "old");
  std::thread([&] { put(record("meta", "a", "new")); }).join();
  EXPECT_EQ(reader.get("meta", "a")->body, "old");
  Record made = record("meta", "b");
  EXPECT_FALSE(reader.put(made).ok()) << "a reader writes nothing";
  EXPECT_EQ(read().get("meta", "a")->body, "new");
}

TEST_F(DatastoreSuite, TwoNeverTakeTheSame) {
  put(record("join_token", "t", "secret"));
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  for (int n = 0; n < 16; ++n) {
    threads.emplace_back([&] {
      Transaction tx = write();
      const auto taken = tx.take("join_token", "t");
      if (taken.ok() && tx.commit().ok() && taken->body == "secret") ++won;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
}

TEST_F(DatastoreSuite, QueriesMatchAsTheHeaderSays) {
  put(record("entry", "none", "", {{"spiffe_id", "x"}}));
  put(record("entry", "ab", "",
             {{"spiffe_id", "x"},
              {"parent_id", "p"},
              {"selector", "s:a"},
              {"selector", "s:b"},
              {"federates_with", "one"}}));
  put(record("entry", "a", "", {{"spiffe_id", "y"}, {"selector", "s:a"}}));
  put(record("entry", "bc", "",
             {{"spiffe_id", "y"},
              {"parent_id", "p"},
              {"selector", "s:b"},
              {"selector", "s:c"},
              {"federates_with", "one"},
              {"federates_with", "two"}}));
  const auto with = [&](Keys where, std::uint32_t match) {
    Query query = all("entry");
    query.where = std::move(where);
    query.selector_match = query.federates_match = match;
    return ids(query);
  };
  const Keys both = {{"selector", "s:a"}, {"selector", "s:b"}};
  EXPECT_THAT(with(both, SIGNET_MATCH_EXACT), ElementsAre("ab"));
  EXPECT_THAT(with(both, SIGNET_MATCH_SUBSET), ElementsAre("ab", "a"));
  EXPECT_THAT(with(both, SIGNET_MATCH_SUPERSET), ElementsAre("ab"));
  EXPECT_THAT(with(both, SIGNET_MATCH_ANY), ElementsAre("ab", "a", "bc"));
  const Keys one = {{"federates_with", "one"}};
  EXPECT_THAT(with(one, SIGNET_MATCH_EXACT), ElementsAre("ab"));
  EXPECT_THAT(with(one, SIGNET_MATCH_SUPERSET), ElementsAre("ab", "bc"));
  EXPECT_THAT(with({{"federates_with", "two"}, {"federates_with", "three"}}, SIGNET_MATCH_ANY),
              ElementsAre("bc"));
  EXPECT_THAT(with({{"spiffe_id", "y"}, {"parent_id", "p"}}, 2), ElementsAre("bc"));
  EXPECT_THAT(with({{"spiffe_id", "z"}}, 2), IsEmpty());

  Query page = all("entry");
  page.limit = 3;
  Transaction tx = read();
  const auto first = tx.query(page);
  ASSERT_EQ(first->size(), 3u);
  page.after_row = first->back().row;
  const auto second = tx.query(page);
  ASSERT_EQ(second->size(), 1u);
  EXPECT_EQ(second->front().id, "bc");
  page.after_row = second->front().row;
  EXPECT_THAT(*tx.query(page), IsEmpty());
}

TEST_F(DatastoreSuite, HeadersAndEndsAreQueriedByThemselves) {
  const std::pair<const char*, std::int64_t> made[] = {{"never", 0}, {"soon", 10}, {"later", 20}};
  for (const auto& [id, expires_at] : made) {
    Record each = record("agent", id, "a body");
    each.expires_at = expires_at;
    put(each);
  }
  Query query = all("agent");
  query.expires_before = 20;
  EXPECT_THAT(ids(query), ElementsAre("soon"));
  query.headers_only = true;
  Transaction tx = read();
  const auto headers = tx.query(query);
  ASSERT_EQ(headers->size(), 1u);
  EXPECT_EQ(headers->front().body, "");
  EXPECT_EQ(headers->front().expires_at, 10);
}

TEST_F(DatastoreSuite, TheLogHasTheLatestChangeOfEach) {
  const std::uint64_t start = *store_->latest(INT64_MAX);
  put(record("entry", "a", "1"));
  put(record("entry", "b"));
  put(record("entry", "a", "2"));
  Transaction tx = write();
  ASSERT_TRUE(tx.erase("entry", "b").ok());
  ASSERT_TRUE(tx.commit().ok());
  const auto changes = store_->changes(start);
  ASSERT_TRUE(changes.ok()) << changes.status().to_string();
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ(changes->at(0).id, "a");
  EXPECT_FALSE(changes->at(0).deleted);
  EXPECT_EQ(changes->at(1).id, "b");
  EXPECT_TRUE(changes->at(1).deleted);
  EXPECT_LT(changes->at(0).revision, changes->at(1).revision);
  const auto rest = store_->changes(changes->at(0).revision);
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ(rest->at(0).id, "b");
  EXPECT_THAT(*store_->changes(changes->at(1).revision), IsEmpty());
}

TEST_F(DatastoreSuite, NoReaderOfTheLogMissesACommit) {
  const std::uint64_t start = *store_->latest(INT64_MAX);
  constexpr int kWriters = 6, kEach = 30;
  std::atomic<int> running{kWriters};
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      for (int n = 0; n < kEach; ++n) put(record("meta", std::to_string(w * kEach + n)));
      --running;
    });
  }
  std::set<std::string> seen;
  std::uint64_t cursor = start;
  for (bool last = false; !last;) {
    last = running == 0;
    const auto changes = store_->changes(cursor, 7);
    ASSERT_TRUE(changes.ok()) << changes.status().to_string();
    for (const Change& change : *changes) {
      EXPECT_TRUE(seen.insert(change.id).second) << change.id << " came twice";
      cursor = change.revision;
      last = false;
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kWriters * kEach));
}

TEST_F(DatastoreSuite, AWatchTellsOfTheLatestUntilItIsStopped) {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t told = 0;
  int ends = 0;
  ServiceStream stream;
  const std::uint64_t start = *store_->latest(INT64_MAX);
  ASSERT_TRUE(store_
                  ->watch(
                      stream, start,
                      [&](std::uint64_t revision) {
                        const std::lock_guard lock(mutex);
                        EXPECT_GT(revision, told);
                        told = revision;
                        changed.notify_all();
                      },
                      [&](const Status&) {
                        const std::lock_guard lock(mutex);
                        ++ends;
                      })
                  .ok());
  std::uint64_t last = 0;
  for (int n = 0; n < 20; ++n) last = put(record("meta", "w" + std::to_string(n)));
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return told >= last; }));
    EXPECT_EQ(ends, 0);
  }
  stream.stop();
  const std::lock_guard lock(mutex);
  EXPECT_EQ(ends, 1);
}

TEST_F(DatastoreSuite, AClaimHasAName) {
  Transaction tx = read();
  EXPECT_TRUE(tx.claim("conformance").ok());
  EXPECT_EQ(tx.claim("").code(), Code::kInvalidArgument);
  EXPECT_EQ(tx.claim(std::string(65, 'x')).code(), Code::kInvalidArgument);
}

TEST_F(DatastoreSuite, AStaleReadTellsWhereTheLogGoesOn) {
  const std::uint64_t revision = put(record("meta", "a", "1"));
  Transaction tx = must(store_->read_stale());
  const auto found = tx.get("meta", "a");
  const auto read_at = tx.commit();
  ASSERT_TRUE(read_at.ok());
  EXPECT_LE(*read_at, revision);
  EXPECT_TRUE(found.ok() || *read_at < revision) << "what it did not see is in the log";
}

// ---- The last one: it stops the plugin.

class DatastoreRestartSuite : public DatastoreSuite {};

TEST_F(DatastoreRestartSuite, WhatWasCommittedIsThereAfterwards) {
  const std::uint64_t revision = put(record("bundle", "kept", "body"));
  const std::uint64_t row = read().get("bundle", "kept")->row;
  store_.reset();
  scope().stop();
  static auto* const again = new ScopeUnderTest(plugin());  // never deleted, as the program's
  ASSERT_TRUE(again->status().ok()) << again->status().to_string();
  store_.emplace(open(*again));
  EXPECT_EQ(*store_->latest(INT64_MAX), revision);
  const auto found = read().get("bundle", "kept");
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_EQ(found->body, "body");
  EXPECT_EQ(found->row, row);
  EXPECT_EQ(found->revision, revision);
  EXPECT_GT(put(record("bundle", "next")), revision);
  EXPECT_GT(read().get("bundle", "next")->row, row);
  store_.reset();
  again->remove_folder();
}

}  // namespace
}  // namespace signet::conformance

int main(int argc, char** argv) {
  return signet::conformance::run_suite(argc, argv, signet::conformance::plugin());
}
