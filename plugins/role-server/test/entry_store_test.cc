// A batch of entries is one transaction, in which each entry fails for itself.
#include "entry_store.h"

#include <gtest/gtest.h>

#include "entry_helpers.h"
#include "entry_record.h"
#include "server_fakes.h"

namespace signet::server {
namespace {

using spire::api::types::Entry;

class EntryStoreTest : public ::testing::Test {
 protected:
  using Batch = std::vector<Result<Entry>>;
  static constexpr std::uint32_t kAll = ~std::uint32_t{0};

  std::vector<Code> codes(const std::vector<Result<StoredEntry>>& results) {
    std::vector<Code> out;
    for (const auto& result : results) out.push_back(result.status().code());
    return out;
  }
  static Entry hinted(Entry entry, const std::string& hint) {
    entry.set_hint(hint);
    return entry;
  }
  std::string hint_of(const std::string& id) {
    const IndexedPtr entry = index_.find(id);
    return entry ? entries_.get(id)->hint() : "none";
  }

  testing::QuietHost host_;
  Datastore store_ = *Datastore::acquire(host_.host());
  ChangeFollower changes_{host_.host(), store_};
  EntryIndex index_{host_.host(), *TrustDomain::parse("example.org")};
  EntryStore entries_{host_.host(), store_, changes_, index_};
};

TEST_F(EntryStoreTest, EachEntryOfABatchFailsForItself) {
  const Batch batch = {make_entry("a", kAgentPath, "/a"), Status::invalid_argument("not one"),
                       make_entry("a", kAgentPath, "/b"), make_entry("same", kAgentPath, "/a"),
                       make_entry("c", kAgentPath, "/c")};
  const auto created = entries_.create(batch);
  EXPECT_EQ(codes(created), (std::vector<Code>{Code::kOk, Code::kInvalidArgument,
                                               Code::kAlreadyExists, Code::kOk, Code::kOk}));
  EXPECT_FALSE(created[0]->existed);
  EXPECT_TRUE(created[3]->existed);
  EXPECT_EQ(created[3]->entry.id(), "a");
  EXPECT_EQ(index_.count(), 2u);

  const auto updated =
      entries_.update(Batch{hinted(make_entry("a", kAgentPath, "/a"), "first"),
                            make_entry("gone", kAgentPath, "/x"), Status::not_found("not one"),
                            hinted(make_entry("a", kAgentPath, "/a"), "last")},
                      kAll);
  EXPECT_EQ(codes(updated),
            (std::vector<Code>{Code::kOk, Code::kNotFound, Code::kNotFound, Code::kOk}));
  EXPECT_EQ(hint_of("a"), "last");
  EXPECT_EQ(entries_.get("a")->revision_number(), 2);
}

TEST_F(EntryStoreTest, ABatchThatIsNotCommittedFailsAsAWhole) {
  host_.store().fail_commits = 1;
  const auto failed = entries_.create(
      Batch{make_entry("a", kAgentPath, "/a"), Status::invalid_argument("not one")});
  EXPECT_FALSE(failed[0].ok());
  EXPECT_EQ(failed[1].status().code(), Code::kInvalidArgument);
  EXPECT_EQ(index_.count(), 0u);
  ASSERT_TRUE(entries_.create(Batch{make_entry("a", kAgentPath, "/a")})[0].ok());
  host_.store().fail_commits = 1;
  EXPECT_FALSE(
      entries_.update(Batch{hinted(make_entry("a", kAgentPath, "/a"), "new")}, kAll)[0].ok());
  EXPECT_EQ(hint_of("a"), "");
  host_.store().away = true;
  const auto away = entries_.create(
      Batch{make_entry("b", kAgentPath, "/b"), Status::invalid_argument("not one")});
  EXPECT_EQ(codes(away), (std::vector<Code>{Code::kUnavailable, Code::kInvalidArgument}));
}

// A list with it in it would be no message to whom it is sent: nobody would have any entry.
TEST_F(EntryStoreTest, AStoredEntryThatNoClientCanReadIsLeftOut) {
  const auto put = [&](const std::string& id, const std::string& from, const std::string& to) {
    Record record = entry_to_record(make_entry(id, kAgentPath, "/bad"));
    record.body.replace(record.body.find(from), from.size(), to);
    auto tx = store_.write();
    ASSERT_TRUE(tx->put(record).ok());
    ASSERT_TRUE(tx->commit().ok());
  };
  const auto good = entries_.create(Batch{make_entry("good", kAgentPath, "/good")});
  ASSERT_TRUE(good[0].ok());
  put("path", "/bad", "/b\xff/");
  put("selector", "uid:1", "uid:\xc0");
  put("tag", "\x22\x0d\x0a\x04unix", std::string("\x22\x0d\0\x04unix", 8));  // field 0
  auto tx = store_.read();
  ASSERT_TRUE(index_.reload(*tx).ok());
  EXPECT_EQ(index_.count(), 1u);
  Query all;
  all.kind = kEntryKind;
  const auto page = entries_.list(all);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->encoded, std::vector<std::string>{good[0]->entry.SerializeAsString()});
}

}  // namespace
}  // namespace signet::server
