#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open(const StoreSettings& settings = {}) {
    store_.reset();
    auto store = backend_->open(settings);
    ASSERT_TRUE(store) << store.status().to_string();
    store_ = std::move(*store);
  }

  const std::unique_ptr<Backend> backend_ = new_backend();
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, KeepsRecordsOverAReopen) {
  const auto revision = put_alone(*store_, "entry", "a", std::string("b\0dy", 4));
  EXPECT_EQ(revision, 1u);
  open();
  EXPECT_EQ(store_->latest_revision(), 1u);
  const auto found = get_alone(*store_, "entry", "a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->body, std::string("b\0dy", 4));
  EXPECT_EQ(found->revision, 1u);
  EXPECT_EQ(found->row, 1u);
}

TEST_F(StoreTest, KindsAreApart) {
  put_alone(*store_, "bundle", "x", "1");
  put_alone(*store_, "federation", "x", "2");
  EXPECT_EQ(get_alone(*store_, "bundle", "x")->body, "1");
  EXPECT_EQ(get_alone(*store_, "federation", "x")->body, "2");
  EXPECT_EQ(get_alone(*store_, "meta", "x").status().code(), Code::kNotFound);
}

TEST_F(StoreTest, RowsAscendAndAreNeverUsedAgain) {
  put_alone(*store_, "agent", "a");
  put_alone(*store_, "agent", "b");
  ASSERT_TRUE(erase_alone(*store_, "agent", "b"));
  open();
  put_alone(*store_, "agent", "b");
  EXPECT_EQ(get_alone(*store_, "agent", "b")->row, 3u);
  put_alone(*store_, "agent", "a", "changed");
  EXPECT_EQ(get_alone(*store_, "agent", "a")->row, 1u);
}

TEST_F(StoreTest, AnUnchangedCommitHasNoRevision) {
  put_alone(*store_, "meta", "a");
  auto tx = must_begin(*store_, Mode::kWrite);
  EXPECT_EQ(tx->erase("meta", "none").code(), Code::kNotFound);
  EXPECT_EQ(*tx->commit(), 1u);
  EXPECT_EQ(store_->latest_revision(), 1u);
}

TEST_F(StoreTest, ExpectedRevisionsGuardWrites) {
  const auto revision = static_cast<std::int64_t>(put_alone(*store_, "journal", "j"));
  auto tx = must_begin(*store_, Mode::kWrite);
  EXPECT_EQ(put(*tx, "journal", "j", "x", kRevisionAbsent).code(), Code::kAlreadyExists);
  EXPECT_EQ(put(*tx, "journal", "j", "x", revision + 5).code(), Code::kAborted);
  EXPECT_EQ(put(*tx, "journal", "other", "x", revision).code(), Code::kAborted);
  Stored stored;
  EXPECT_TRUE(put(*tx, "journal", "j", "new", revision, {}, 0, &stored).ok());
  EXPECT_EQ(*tx->commit(), stored.revision);
  EXPECT_EQ(get_alone(*store_, "journal", "j")->body, "new");
}

TEST_F(StoreTest, ABatchIsWrittenWholeOrNotAtAll) {
  put_alone(*store_, "meta", "taken");
  const NewRecord batch[] = {{"meta", "one", kRevisionAny, 0, {}, "1"},
                             {"meta", "taken", kRevisionAbsent, 0, {}, "2"}};
  Stored stored[2];
  auto tx = must_begin(*store_, Mode::kWrite);
  EXPECT_EQ(tx->put(batch, stored).code(), Code::kAlreadyExists);
  EXPECT_EQ(get(*tx, "meta", "one").status().code(), Code::kNotFound);
  EXPECT_TRUE(tx->put({batch, 1}, stored).ok());
  ASSERT_TRUE(tx->commit());
  EXPECT_TRUE(get_alone(*store_, "meta", "one"));
}

TEST_F(StoreTest, LimitsAreInvalidArguments) {
  auto tx = must_begin(*store_, Mode::kWrite);
  EXPECT_TRUE(put(*tx, "entry", std::string(2048, 'i'), "").ok());
  EXPECT_EQ(put(*tx, "entry", std::string(2049, 'i'), "").code(), Code::kInvalidArgument);
  EXPECT_EQ(put(*tx, "entry", "", "").code(), Code::kInvalidArgument);
  EXPECT_TRUE(put(*tx, "entry", "big", std::string(4 << 20, 'b')).ok());
  EXPECT_EQ(put(*tx, "entry", "a", std::string((4 << 20) + 1, 'b')).code(), Code::kInvalidArgument);
  EXPECT_EQ(put(*tx, "entry", "a", "", -1, {{"hint", std::string(65537, 'h')}}).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(put(*tx, "entry", "a", "", -1, {{"colour", "red"}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(put(*tx, "entry", "a", "", -1, {{"hint", "x"}, {"hint", "y"}}).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(put(*tx, "entry", "a", "", -1, {{"admin", "yes"}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(put(*tx, "bundle", "a", "", -1, {{"selector", "a:b"}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(put(*tx, "colour", "a", "").code(), Code::kInvalidArgument);
  EXPECT_TRUE(tx->commit());
}

TEST_F(StoreTest, OneBadItemNeverFailsTheOthersOfItsBatch) {
  auto tx = must_begin(*store_, Mode::kWrite);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(tx->mark().ok());
    ASSERT_TRUE(put(*tx, "entry", "e" + std::to_string(i), "x", 0, {{"selector", "a:b"}}).ok());
    if (i % 2 == 1) {
      ASSERT_TRUE(tx->undo().ok());
    }
  }
  ASSERT_TRUE(tx->commit());
  Query all;
  all.kind = "entry";
  EXPECT_THAT(ids(*must_begin(*store_, Mode::kRead), all),
              ElementsAre("e0", "e2", "e4", "e6", "e8"));
}

TEST_F(StoreTest, UndoOfEverythingLeavesNothingToCommit) {
  put_alone(*store_, "meta", "a", "old");
  auto tx = must_begin(*store_, Mode::kWrite);
  EXPECT_EQ(tx->undo().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(tx->mark().ok());
  ASSERT_TRUE(put(*tx, "meta", "a", "new").ok());
  ASSERT_TRUE(put(*tx, "meta", "b", "new").ok());
  ASSERT_TRUE(tx->undo().ok());
  EXPECT_EQ(*tx->commit(), 1u);
  EXPECT_EQ(get_alone(*store_, "meta", "a")->body, "old");
  EXPECT_THAT(*changes(*store_, 1), IsEmpty());
}

TEST_F(StoreTest, ADroppedTransactionLeavesNoTrace) {
  {
    auto tx = must_begin(*store_, Mode::kWrite);
    ASSERT_TRUE(put(*tx, "meta", "a", "x").ok());
  }
  EXPECT_EQ(get_alone(*store_, "meta", "a").status().code(), Code::kNotFound);
  EXPECT_EQ(put_alone(*store_, "meta", "b"), 1u);
}

TEST_F(StoreTest, AReaderSeesOneSnapshot) {
  put_alone(*store_, "meta", "a", "old");
  auto reader = must_begin(*store_, Mode::kRead);
  put_alone(*store_, "meta", "a", "new");
  EXPECT_EQ(get(*reader, "meta", "a")->body, "old");
  EXPECT_EQ(reader->put({}, {}).code(), Code::kFailedPrecondition);
  EXPECT_EQ(*reader->commit(), 1u) << "a reader's revision is its snapshot's";
  EXPECT_EQ(get_alone(*store_, "meta", "a")->body, "new");
}

TEST_F(StoreTest, AThreadCannotWaitForItself) {
  auto tx = must_begin(*store_, Mode::kWrite);
  EXPECT_EQ(store_->begin(Mode::kWrite, kWait).status().code(), Code::kFailedPrecondition);
  Status other;
  std::thread([&] {
    other = store_->begin(Mode::kWrite, std::chrono::milliseconds(1)).status();
  }).join();
  EXPECT_EQ(other.code(), Code::kUnavailable);
}

TEST_F(StoreTest, ReadersBeyondTheLimitWaitTheirTurn) {
  StoreSettings settings;
  settings.max_readers = 1;
  open(settings);
  auto first = must_begin(*store_, Mode::kRead);
  EXPECT_EQ(store_->begin(Mode::kRead, std::chrono::milliseconds(1)).status().code(),
            Code::kUnavailable);
  first.reset();
  EXPECT_TRUE(store_->begin(Mode::kRead, kWait));
}

TEST_F(StoreTest, OneOfAHundredThreadsTakesAToken) {
  put_alone(*store_, "join_token", "t", "secret");
  std::atomic<int> won{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&] {
      auto tx = must_begin(*store_, Mode::kWrite);
      std::string body;
      const Status taken = tx->take("join_token", "t", [&](const RecordView& record) {
        body = record.body;
        return Status();
      });
      if (!tx->commit()) return;
      if (taken.ok() && body == "secret") ++won;
      if (taken.code() == Code::kNotFound) ++lost;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 99);
}

TEST_F(StoreTest, ChangesTellTheLatestOfEachRecordInOrder) {
  put_alone(*store_, "entry", "a");                 // 1
  put_alone(*store_, "entry", "b");                 // 2
  put_alone(*store_, "agent", "c");                 // 3
  put_alone(*store_, "entry", "a", "2nd");          // 4
  ASSERT_TRUE(erase_alone(*store_, "entry", "b"));  // 5
  EXPECT_THAT(*changes(*store_, 0),
              ElementsAre(OwnedChange{"agent/c", 3}, OwnedChange{"entry/a", 4},
                          OwnedChange{"-entry/b", 5}));
  EXPECT_THAT(*changes(*store_, 3, 1), ElementsAre(OwnedChange{"entry/a", 4}));
  EXPECT_THAT(*changes(*store_, 5), IsEmpty());
  put_alone(*store_, "entry", "b");  // 6: lives again, its deletion is no news
  EXPECT_THAT(*changes(*store_, 4), ElementsAre(OwnedChange{"entry/b", 6}));
  ASSERT_TRUE(erase_alone(*store_, "entry", "b"));  // 7
  EXPECT_THAT(*changes(*store_, 4), ElementsAre(OwnedChange{"-entry/b", 7}));
}

TEST_F(StoreTest, ALimitedReaderReachesTheEnd) {
  for (int i = 0; i < 40; ++i) put_alone(*store_, "meta", "m" + std::to_string(i % 7));
  std::uint64_t cursor = 0;
  std::size_t seen = 0;
  for (;;) {
    const auto some = changes(*store_, cursor, 2);
    ASSERT_TRUE(some);
    if (some->empty()) break;
    seen += some->size();
    cursor = some->back().revision;
  }
  EXPECT_EQ(cursor, store_->latest_revision());
  EXPECT_EQ(seen, 7u);
}

TEST_F(StoreTest, TheLogIsBoundedAndSaysSo) {
  StoreSettings settings;
  settings.kept_tombstones = 8;
  open(settings);
  for (int i = 0; i < 30; ++i) {
    const std::string id = "t" + std::to_string(i);
    put_alone(*store_, "join_token", id);
    ASSERT_TRUE(erase_alone(*store_, "join_token", id));
  }
  const auto old = changes(*store_, 1);
  EXPECT_EQ(old.status().code(), Code::kFailedPrecondition);
  const auto recent = changes(*store_, store_->latest_revision() - 10);
  ASSERT_TRUE(recent) << recent.status().to_string();
  EXPECT_EQ(recent->size(), 5u);
  open(settings);
  EXPECT_EQ(changes(*store_, 1).status().code(), Code::kFailedPrecondition);
}

// Every reader that follows the log ends with what the table holds.
TEST_F(StoreTest, ReadersOfTheLogAgreeWithTheTable) {
  constexpr int kWriters = 6;
  constexpr int kCommits = 60;
  std::atomic<int> writing{kWriters};
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      std::uint64_t random = static_cast<std::uint64_t>(w) + 1;
      for (int i = 0; i < kCommits; ++i) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const std::string id = "r" + std::to_string(random >> 60);
        if (random >> 32 & 1) {
          put_alone(*store_, "entry", id, std::to_string(i));
        } else {
          (void)erase_alone(*store_, "entry", id);
        }
      }
      --writing;
    });
  }
  std::vector<std::vector<std::pair<std::string, std::uint64_t>>> views_of(3);
  for (std::size_t r = 0; r < views_of.size(); ++r) {
    threads.emplace_back([&, r] {
      std::map<std::string, std::uint64_t> view;
      std::uint64_t cursor = 0;
      for (bool last = false;;) {
        const bool ending = writing == 0;
        const auto some = changes(*store_, cursor, 3);
        if (!some) return;
        for (const auto& change : *some) {
          EXPECT_GE(change.revision, cursor);
          cursor = change.revision;
          if (change.what[0] == '-') {
            view.erase(change.what.substr(1));
          } else {
            view[change.what] = change.revision;
          }
        }
        if (some->empty() && last) break;
        last = ending && some->empty();
      }
      views_of[r].assign(view.begin(), view.end());
    });
  }
  for (auto& thread : threads) thread.join();
  std::map<std::string, std::uint64_t> table;
  Query all;
  all.kind = "entry";
  ASSERT_TRUE(must_begin(*store_, Mode::kRead)
                  ->query(all,
                          [&](const RecordView& record) {
                            table["entry/" + std::string(record.id)] = record.revision;
                            return Status();
                          })
                  .ok());
  for (const auto& view : views_of) {
    EXPECT_EQ(view,
              (std::vector<std::pair<std::string, std::uint64_t>>(table.begin(), table.end())));
  }
}

TEST_F(StoreTest, CommitsAreAnnouncedOnceDurable) {
  std::mutex mutex;
  std::vector<std::uint64_t> heard;
  // It may still announce while it ends, when store_ does not name it any more.
  store_->on_commit([&, store = store_.get()](std::uint64_t revision) {
    EXPECT_GE(store->latest_revision(), revision);
    const std::lock_guard lock(mutex);
    heard.push_back(revision);
  });
  put_alone(*store_, "meta", "a");
  { (void)must_begin(*store_, Mode::kWrite)->commit(); }
  put_alone(*store_, "meta", "b");
  store_.reset();  // no more is to come
  EXPECT_THAT(heard, ElementsAre(1, 2));
}

}  // namespace
}  // namespace signet::datastore_sql
