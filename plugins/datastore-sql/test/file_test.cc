// What the store does to files: its own, SPIRE's, other programs', and those it cannot have.
#include <atomic>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "config.h"
#include "sqlite_schema.h"
#include "sqlite_store.h"
#include "store_helpers.h"
#include "temp_folder.h"

namespace {
std::atomic<std::uint64_t> g_synced{0};
}
// In place of the C library's, for SQLite too: what a commit waits for.
extern "C" __attribute__((visibility("default"))) int fdatasync(int fd) {
  ++g_synced;
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace signet::datastore_sql {
namespace {

using testing::HasSubstr;

Status opened(const std::string& path, bool disable_migration = false) {
  SqliteStore::Options options;
  options.path = path;
  options.migrate.disabled = disable_migration;
  return SqliteStore::open(options).status();
}

void run_sql(const std::string& path, const char* sql) {
  auto connection = sqlite::Connection::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  ASSERT_TRUE(connection);
  ASSERT_TRUE((*connection)->exec(sql).ok());
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    out.push_back(entry.path().filename().string());
  }
  return out;
}

constexpr const char* kSpireTables =
    "CREATE TABLE migrations (id INTEGER PRIMARY KEY, version INTEGER, code_version TEXT);"
    "CREATE TABLE registered_entries (id INTEGER PRIMARY KEY, entry_id TEXT);"
    "INSERT INTO migrations (version, code_version) VALUES (25, '1.15.3');"
    "INSERT INTO registered_entries (entry_id) VALUES ('e');";

TEST(DatabaseFile, IsMadeForTheOwnerAloneUnderAnyUmask) {
  for (const mode_t mask : {0000, 0777}) {
    const TempFolder folder;
    const mode_t before = ::umask(mask);
    const Status status = opened(folder.file());
    ::umask(before);
    ASSERT_TRUE(status.ok()) << status.to_string();
    struct stat info {};
    ASSERT_EQ(::stat(folder.file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
  }
}

TEST(DatabaseFile, ACommitIsOnDiskBeforeItIsAcknowledged) {
  const TempFolder folder;
  SqliteStore::Options options;
  options.path = folder.file();
  const auto store = SqliteStore::open(options);
  ASSERT_TRUE(store);
  EXPECT_TRUE(std::filesystem::exists(folder.file() + "-wal"));
  for (int n = 0; n < 5; ++n) {
    const std::uint64_t before = g_synced;
    ASSERT_NE(put_alone(**store, "meta", "m"), 0u);
    EXPECT_GT(g_synced, before);
  }
}

TEST(DatabaseFile, ASecondHolderIsRefused) {
  const TempFolder folder;
  SqliteStore::Options options;
  options.path = folder.file();
  auto first = SqliteStore::open(options);
  ASSERT_TRUE(first);
  const Status second = opened(folder.file());
  EXPECT_EQ(second.code(), Code::kUnavailable);
  EXPECT_THAT(second.message(), HasSubstr("in use by another process"));
  first->reset();
  EXPECT_TRUE(opened(folder.file()).ok());
}

TEST(DatabaseFile, AMissingFolderIsNamed) {
  const TempFolder folder;
  const Status status = opened(folder.path() + "/none/db");
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("/none\" does not exist"));
}

TEST(DatabaseFile, AnUnwritableFolderIsNamed) {
  const TempFolder folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0500), 0);
  // Root may write to any folder but those of a file system that makes no files.
  const Status status = opened(::geteuid() == 0 ? "/sys/datastore.sqlite3" : folder.file());
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("cannot be opened for writing"));
}

TEST(DatabaseFile, AFolderIsNoFile) {
  const TempFolder folder;
  EXPECT_EQ(opened(folder.path()).code(), Code::kFailedPrecondition);
}

TEST(Ownership, ASpireDatabaseIsNeverWritten) {
  const TempFolder folder;
  run_sql(folder.file(), kSpireTables);
  const std::string before = bytes_of(folder.file());
  const Status status = opened(folder.file());
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(folder.file()));
  EXPECT_THAT(status.message(), HasSubstr("`signet server datastore import-spire -config FILE "
                                          "-spireConfig FILE`"));
  EXPECT_EQ(bytes_of(folder.file()), before);
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("datastore.sqlite3"));
}

// SPIRE was killed before its log was folded back: its tables are in the -wal file alone.
TEST(Ownership, ASpireDatabaseIsRecognisedInItsLog) {
  const TempFolder folder;
  const TempFolder live;
  auto spire = sqlite::Connection::open(live.file(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  ASSERT_TRUE(spire);
  ASSERT_TRUE((*spire)->exec("PRAGMA journal_mode = WAL").ok());
  ASSERT_TRUE((*spire)->exec(kSpireTables).ok());
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy_file(live.file() + suffix, folder.file() + suffix);
  }
  const std::string file = bytes_of(folder.file());
  const std::string log = bytes_of(folder.file() + "-wal");
  EXPECT_THAT(opened(folder.file()).message(), HasSubstr("is a SPIRE database"));
  EXPECT_EQ(bytes_of(folder.file()), file);
  EXPECT_EQ(bytes_of(folder.file() + "-wal"), log);
}

TEST(Ownership, AnotherProgramsDatabaseIsRefused) {
  const TempFolder folder;
  run_sql(folder.file(), "CREATE TABLE bookmarks (url TEXT)");
  const Status status = opened(folder.file());
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("belongs to another program"));
}

TEST(Ownership, AFileThatIsNoDatabaseIsRefused) {
  const TempFolder folder;
  std::ofstream(folder.file()) << std::string(5000, 'x');
  const Status status = opened(folder.file());
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(bytes_of(folder.file()), std::string(5000, 'x'));
}

TEST(Ownership, ANewerSchemaIsRefused) {
  const TempFolder folder;
  ASSERT_TRUE(opened(folder.file()).ok());
  run_sql(folder.file(),
          "PRAGMA user_version = 1000;"
          "UPDATE counter SET value = 999 WHERE name = 'oldest_program'");
  const Status status = opened(folder.file());
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("has schema 1000"));
}

TEST(Ownership, AnEmptyFileIsFilledEvenWithoutMigration) {
  const TempFolder folder;
  { std::ofstream touched(folder.file()); }
  EXPECT_TRUE(opened(folder.file(), true).ok());
  EXPECT_TRUE(opened(folder.file(), true).ok());
}

TEST(ConnectionString, TakesSpiresForms) {
  EXPECT_EQ(*sqlite_path("./.data/db.sqlite3"), "./.data/db.sqlite3");
  EXPECT_EQ(*sqlite_path("file:rel/db?cache=shared&_fk=1"), "rel/db");
  EXPECT_EQ(*sqlite_path("file:///abs/db%20x#f"), "/abs/db x");
  EXPECT_EQ(*sqlite_path("file:/abs/db"), "/abs/db");
  for (const char* bad : {"", "file:", ":memory:", "file::memory:", "file:x?mode=memory",
                          "file:x?cache=shared&mode=ro", "file://host"}) {
    EXPECT_EQ(sqlite_path(bad).status().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(Config, ReadsItsSettings) {
  const auto config = parse_config(
      R"({"database_type":"sqlite3","connection_string":"file:db?x=1","max_open_conns":5,
          "max_idle_conns":2,"disable_migration":true,"log_sql":true})");
  ASSERT_TRUE(config) << config.status().to_string();
  const auto& sqlite = std::get<SqliteConfig>(config->database);
  EXPECT_EQ(sqlite.path, "db");
  EXPECT_EQ(sqlite.max_readers, 4u);
  EXPECT_EQ(sqlite.max_idle_readers, 2u);
  EXPECT_TRUE(config->disable_migration);
  EXPECT_TRUE(config->log_sql);
}

TEST(Config, OtherDatabasesAreRefusedByName) {
  const auto message = [](const char* type) {
    return parse_config(std::string(R"({"connection_string":"db","database_type":)") + type + "}")
        .status()
        .message();
  };
  EXPECT_THAT(message("\"mysql\""), HasSubstr("not supported"));
  EXPECT_THAT(message(R"([{"aws_postgres":[{"region":"x"}]}])"), HasSubstr("not supported"));
  EXPECT_THAT(message("\"sqlite\""), HasSubstr("must be"));
}

TEST(Config, TheDataFolderIsMadeAndNoOther) {
  const TempFolder folder;
  const std::string data = folder.path() + "/a/b";
  EXPECT_TRUE(make_data_folder(data + "/c/db", data).ok());
  EXPECT_TRUE(std::filesystem::is_directory(data + "/c"));
  EXPECT_TRUE(make_data_folder(folder.path() + "/elsewhere/db", data).ok());
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/elsewhere"));
}

TEST(Ownership, AFolderIsNoFile) {
  const TempFolder folder;
  const std::string path = std::filesystem::path(folder.file()).parent_path();
  const Status refused = check_ownership(path, 1);
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_EQ(refused.message(), "datastore file \"" + path + "\" is not a regular file");
}

TEST(Ownership, AFileThatMayNotBeReadIsToldWithTheReason) {
  const TempFolder folder;
  ASSERT_TRUE(opened(folder.file()).ok());
  std::filesystem::permissions(std::filesystem::path(folder.file()).parent_path(),
                               std::filesystem::perms::all);
  ASSERT_EQ(::chmod(folder.file().c_str(), 0), 0);
  // This thread's rights to files, and with them root's: those of nobody.
  const int before = ::setfsuid(::geteuid() == 0 ? 65534 : ::geteuid());
  const Status refused = check_ownership(folder.file(), 1);
  ::setfsuid(static_cast<uid_t>(before));
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(refused.message(), HasSubstr(folder.file()));
  EXPECT_THAT(refused.message(), HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace signet::datastore_sql
