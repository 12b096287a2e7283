// Migrations on whichever database: cut off anywhere they go on, and servers of two versions
// live on one database while it only expands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

using testing::HasSubstr;

// The program after this one: expands; the one after that: contracts.
std::vector<Migration> later_program(bool contracts) {
  std::vector<Migration> all(migrations().begin(), migrations().end());
  const auto now = static_cast<std::int64_t>(all.size());
  all.push_back({now,
                 "ALTER TABLE bundle ADD COLUMN origin {text} NOT NULL DEFAULT '';"
                 "CREATE TABLE lease (name {name} PRIMARY KEY, until {int} NOT NULL) {clustered};"
                 "CREATE INDEX bundle_origin ON bundle (origin);"});
  if (contracts) all.push_back({now + 1, "DROP INDEX agent_attestation_type;"});
  return all;
}

class MigrationTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Store>> open(std::span<const Migration> known,
                                      decltype(MigrateOptions::before) before = {},
                                      bool disabled = false) {
    StoreSettings settings;
    settings.migrate.migrations = known;
    settings.migrate.before = std::move(before);
    settings.migrate.disabled = disabled;
    return backend_->open(settings);
  }

  const std::unique_ptr<Backend> backend_ = new_backend();
};

TEST_F(MigrationTest, CutAtEachStatementItGoesOn) {
  const auto all = later_program(true);
  std::vector<std::string> statements;
  {
    const auto other = new_backend();
    StoreSettings settings;
    settings.migrate.migrations = all;
    settings.migrate.before = [&](std::int64_t version, std::string_view sql) {
      statements.push_back(std::to_string(version) + std::string(sql));
      return Status();
    };
    ASSERT_TRUE(other->open(settings));
  }
  ASSERT_GT(statements.size(), 30u);
  for (std::size_t cut = 0; cut < statements.size(); ++cut) {
    const auto cut_off = open(all, [&](std::int64_t version, std::string_view sql) -> Status {
      if (std::to_string(version) + std::string(sql) != statements[cut]) return {};
      return Status::unavailable("the lights went out");
    });
    EXPECT_THAT(cut_off.status().message(), HasSubstr("the lights went out"));
  }
  auto store = open(all);
  ASSERT_TRUE(store) << store.status().to_string();
  EXPECT_EQ(put_alone(**store, "bundle", "b"), 1u);
}

TEST_F(MigrationTest, RecordsSurviveACutAndTheNextRun) {
  {
    auto store = open(migrations());
    ASSERT_TRUE(store);
    put_alone(**store, "bundle", "b", "kept");
  }
  const auto all = later_program(true);
  const auto cut_off = open(all, [](std::int64_t, std::string_view sql) -> Status {
    return sql == "COMMIT" ? Status::unavailable("the lights went out") : Status();
  });
  EXPECT_FALSE(cut_off);
  {
    auto store = open(migrations());
    ASSERT_TRUE(store) << "nothing of the cut step is there";
    EXPECT_EQ(get_alone(**store, "bundle", "b")->body, "kept");
  }
  auto store = open(all);
  ASSERT_TRUE(store) << store.status().to_string();
  EXPECT_EQ(get_alone(**store, "bundle", "b")->body, "kept");
}

TEST_F(MigrationTest, AnExpandedDatabaseServesTheOlderProgramUntilItContracts) {
  { ASSERT_TRUE(open(migrations())); }
  { ASSERT_TRUE(open(later_program(false))); }
  {
    auto older = open(migrations());
    ASSERT_TRUE(older) << older.status().to_string();
    EXPECT_EQ(put_alone(**older, "bundle", "b"), 1u);
  }
  { ASSERT_TRUE(open(later_program(true))); }
  const auto refused = open(migrations());
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("run the newer program"));
  EXPECT_TRUE(open(later_program(false)));
}

TEST_F(MigrationTest, DisabledItRefusesAnOlderSchemaAndFillsAnEmptyDatabase) {
  EXPECT_TRUE(open(migrations(), {}, true));
  const auto refused = open(later_program(false), {}, true);
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("disable_migration is set"));
  EXPECT_TRUE(open(migrations(), {}, true));
}

}  // namespace
}  // namespace signet::datastore_sql
