// SPIRE's SQLite file: read without a trace, refused while it is in use.
#include <fstream>
#include <map>
#include <sstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "spire_database.h"
#include "spire_fixture.h"
#include "sqlite.h"
#include "temp_folder.h"

namespace signet::datastore_sql {
namespace {

using testing::HasSubstr;

// Every file of a folder with its content.
std::map<std::string, std::string> files(const std::string& folder) {
  std::map<std::string, std::string> out;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::ostringstream text;
    text << std::ifstream(file.path()).rdbuf();
    out[file.path().filename()] = text.str();
  }
  return out;
}

class SpireFile : public testing::Test {
 protected:
  // What a SPIRE server does to its file, in a process of its own. killed: it leaves its log.
  void write(const std::string& sql, bool killed = false) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto spire = sqlite::Connection::open(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      const bool done =
          spire && (*spire)->exec("PRAGMA journal_mode = WAL").ok() && (*spire)->exec(sql).ok();
      if (killed) ::_exit(done ? 0 : 1);
      spire->reset();
      ::_exit(done ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  Result<std::unique_ptr<SpireDatabase>> open(bool live = false) {
    Config config;
    config.database = SqliteConfig{path_};
    return SpireDatabase::open(config, {live, scratch_.path()});
  }
  static std::int64_t tokens(SpireDatabase& database) {
    return *database.connection().integer("SELECT count(*) FROM join_tokens");
  }

  TempFolder folder_;
  TempFolder scratch_;
  const std::string path_ = folder_.file();
};

TEST_F(SpireFile, IsReadWithoutATrace) {
  write(spire_tables(sql::Dialect::kSqlite, 25) + "INSERT INTO join_tokens (token) VALUES ('t')");
  const auto before = files(folder_.path());
  {
    const auto database = open();
    ASSERT_TRUE(database) << database.status().to_string();
    EXPECT_EQ(tokens(**database), 1);
    EXPECT_TRUE((*database)->check_idle().ok());
    EXPECT_EQ(files(folder_.path()), before);
  }
  EXPECT_EQ(files(folder_.path()), before);
  EXPECT_TRUE(files(scratch_.path()).empty());
}

TEST_F(SpireFile, TheLogOfAKilledServerCountsAndStays) {
  write(spire_tables(sql::Dialect::kSqlite, 25));
  write("INSERT INTO join_tokens (token) VALUES ('t')", true);
  const auto before = files(folder_.path());
  ASSERT_FALSE(before.at("datastore.sqlite3-wal").empty());
  {
    const auto database = open();
    ASSERT_TRUE(database) << database.status().to_string();
    EXPECT_EQ(tokens(**database), 1);
    EXPECT_TRUE((*database)->check_idle().ok());
  }
  EXPECT_EQ(files(folder_.path()), before);
  EXPECT_TRUE(std::filesystem::is_empty(scratch_.path())) << "the copy is gone";
}

TEST_F(SpireFile, OneInUseIsRefusedButForADryRun) {
  write(spire_tables(sql::Dialect::kSqlite, 25));
  int ready[2];
  int end[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(end), 0);
  const pid_t child = ::fork();
  if (child == 0) {  // a server that is running: it has written, and keeps its file open
    auto spire = sqlite::Connection::open(path_, SQLITE_OPEN_READWRITE);
    const bool done = (*spire)->exec("INSERT INTO join_tokens (token) VALUES ('t')").ok();
    char byte = done ? 'y' : 'n';
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(end[0], &byte, 1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_THAT(
      refused.status().message(),
      HasSubstr("is in use by process " + std::to_string(child) + "; stop the SPIRE server first"));
  {
    const auto live = open(true);
    ASSERT_TRUE(live) << live.status().to_string();
    EXPECT_EQ(tokens(**live), 1) << "what is in its log only";
  }
  (void)!::write(end[1], &byte, 1);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  for (const int fd : {ready[0], ready[1], end[0], end[1]}) ::close(fd);
  EXPECT_TRUE(open());
}

TEST_F(SpireFile, AChangeWhileItIsReadIsSeen) {
  write(spire_tables(sql::Dialect::kSqlite, 25));
  const auto database = open();
  ASSERT_TRUE(database) << database.status().to_string();
  write("INSERT INTO join_tokens (token) VALUES ('t')");
  EXPECT_THAT((*database)->check_idle().message(), HasSubstr("was changed while it was read"));
}

TEST_F(SpireFile, WhatIsNoSpireFileIsRefused) {
  EXPECT_THAT(open().status().message(), HasSubstr("does not exist"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::ofstream(path_) << "not a database, not a database, not a database";
  EXPECT_FALSE(open());
  std::ofstream(path_, std::ios::trunc) << "";
  EXPECT_THAT(open().status().message(), HasSubstr("is no SPIRE database"));
}

}  // namespace
}  // namespace signet::datastore_sql
