// A full disk under SQLite.
#include <gtest/gtest.h>

#include "sqlite_store.h"
#include "store_helpers.h"
#include "temp_folder.h"

namespace signet::datastore_sql {
namespace {

class FullDisk : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open(SqliteStore::Options options = {}) {
    store_.reset();
    options.path = folder_.file();
    auto store = SqliteStore::open(std::move(options));
    ASSERT_TRUE(store) << store.status().to_string();
    store_ = std::move(*store);
  }

  TempFolder folder_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(FullDisk, IsNamedAndLeavesTheStateAsItWas) {
  put_alone(*store_, "meta", "before");
  SqliteStore::Options options;
  options.max_pages = 90;
  open(options);
  Status failed;
  int written = 0;
  for (; written < 1000 && failed.ok(); ++written) {
    auto tx = must_begin(*store_, Mode::kWrite);
    failed = put(*tx, "entry", "e" + std::to_string(written), std::string(3000, 'x'), 0,
                 {{"selector", "a:" + std::to_string(written)}});
    if (!failed.ok()) {
      EXPECT_FALSE(tx->commit()) << "half a record must not be committed";
      break;
    }
    failed = tx->commit().status();
  }
  EXPECT_EQ(failed.code(), Code::kResourceExhausted) << failed.to_string();
  const auto latest = store_->latest_revision();
  open();
  EXPECT_EQ(store_->latest_revision(), latest);
  Query all;
  all.kind = "entry";
  EXPECT_EQ(*must_begin(*store_, Mode::kRead)->count(all), static_cast<std::uint64_t>(written));
  EXPECT_GT(put_alone(*store_, "meta", "after"), latest);
}

// SQLite answers a full disk by taking the whole transaction back, marks or not.
TEST_F(FullDisk, EndsTheTransaction) {
  SqliteStore::Options options;
  options.max_pages = 90;
  open(options);
  auto tx = must_begin(*store_, Mode::kWrite);
  ASSERT_TRUE(put(*tx, "meta", "small", "x").ok());
  ASSERT_TRUE(tx->mark().ok());
  EXPECT_EQ(put(*tx, "meta", "huge", std::string(1 << 20, 'x')).code(), Code::kResourceExhausted);
  EXPECT_EQ(tx->undo().code(), Code::kResourceExhausted);
  EXPECT_EQ(put(*tx, "meta", "later", "x").code(), Code::kResourceExhausted);
  EXPECT_EQ(tx->commit().status().code(), Code::kResourceExhausted);
  EXPECT_FALSE(get_alone(*store_, "meta", "small"));
  EXPECT_EQ(put_alone(*store_, "meta", "next"), 1u);
}

}  // namespace
}  // namespace signet::datastore_sql
