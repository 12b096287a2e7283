// Migrations on whichever database: cut off anywhere they go on, and servers of two versions
// live on one database while it only expands.
#include <csignal>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "backend.h"
#include "later_migrations.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

using testing::HasSubstr;

std::string step_name(std::int64_t version, std::string_view sql) {
  return std::to_string(version) + ' ' + std::string(sql);
}

// Each statement that brings an empty database up to date, each COMMIT too.
std::vector<std::string> statements_of(std::span<const Migration> all) {
  std::vector<std::string> statements;
  StoreSettings settings;
  settings.migrate.migrations = all;
  settings.migrate.before = [&](std::int64_t version, std::string_view sql) {
    statements.push_back(step_name(version, sql));
    return Status();
  };
  EXPECT_TRUE(new_backend()->open(settings));
  EXPECT_GT(statements.size(), 30u);
  return statements;
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
  const auto all = later_migrations(2);
  for (const std::string& cut : statements_of(all)) {
    const auto cut_off = open(all, [&](std::int64_t version, std::string_view sql) -> Status {
      if (step_name(version, sql) != cut) return {};
      return Status::unavailable("the lights went out");
    });
    EXPECT_THAT(cut_off.status().message(), HasSubstr("the lights went out"));
  }
  auto store = open(all);
  ASSERT_TRUE(store) << store.status().to_string();
  EXPECT_EQ(put_alone(**store, "bundle", "b"), 1u);
}

TEST_F(MigrationTest, KilledAtEachStatementTheNextProcessGoesOn) {
  const auto all = later_migrations(2);
  for (const std::string& cut : statements_of(all)) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      (void)open(all, [&](std::int64_t version, std::string_view sql) {
        if (step_name(version, sql) == cut) ::kill(::getpid(), SIGKILL);
        return Status();
      });
      ::_exit(0);
    }
    int how = 0;
    ASSERT_EQ(::waitpid(child, &how, 0), child);
    ASSERT_TRUE(WIFSIGNALED(how)) << "at " << cut;
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
  const auto all = later_migrations(2);
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
  { ASSERT_TRUE(open(later_migrations(1))); }
  {
    auto older = open(migrations());
    ASSERT_TRUE(older) << older.status().to_string();
    EXPECT_EQ(put_alone(**older, "bundle", "b"), 1u);
  }
  { ASSERT_TRUE(open(later_migrations(2))); }
  const auto refused = open(migrations());
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("run the newer program"));
  EXPECT_TRUE(open(later_migrations(1)));
}

TEST_F(MigrationTest, DisabledItRefusesAnOlderSchemaAndFillsAnEmptyDatabase) {
  EXPECT_TRUE(open(migrations(), {}, true));
  const auto refused = open(later_migrations(1), {}, true);
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("disable_migration is set"));
  EXPECT_TRUE(open(migrations(), {}, true));
}

}  // namespace
}  // namespace signet::datastore_sql
