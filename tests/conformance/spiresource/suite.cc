// What signet/abi/spire_source.h promises, asked of a shared object and a SPIRE database that no
// server uses now. The more rows it has, the more this shows.
//
//   spiresource-conformance --plugin FILE.so --config JSON --spire-data-store JSON
//
// --spire-data-store is plugin_data of the SPIRE server's DataStore "sql".
#include <array>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "signet/spire_source.h"

#include "suite_main.h"

namespace signet::conformance {
namespace {

PluginUnderTest& plugin() {
  static PluginUnderTest plugin{.type = "DataStore"};
  return plugin;
}
std::string& spire_data_store() {
  static std::string json;
  return json;
}
ScopeUnderTest& scope() { return scope_of_program(plugin()); }

// By table: how many cells a row has. The header's comments say which.
constexpr std::array<std::size_t, SIGNET_SPIRE_TABLES + 1> kCells = {0, 2, 4, 13, 2, 1,
                                                                     1, 8, 2, 2,  1};

struct Row {
  std::int64_t id = 0;
  std::vector<std::string> cells;
  bool operator==(const Row&) const = default;
};

class SpireSourceSuite : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(scope().status().ok()) << scope().status().to_string();
    auto source = SpireSource::acquire(scope().host());
    ASSERT_TRUE(source.ok()) << source.status().to_string();
    source_.emplace(std::move(*source));
  }
  SpireReader must_open() {
    auto reader = source_->open(spire_data_store(), false);
    if (!reader) throw std::runtime_error(reader.status().to_string());
    return std::move(*reader);
  }
  static std::vector<Row> rows(const SpireReader& reader, std::uint32_t table,
                               std::int64_t after = 0, std::int64_t upto = INT64_MAX,
                               std::uint32_t limit = 0) {
    std::vector<Row> out;
    const Status done = reader.read(table, after, upto, limit, [&](const SpireRow& row) {
      Row& next = out.emplace_back(Row{row.id(), {}});
      for (std::size_t i = 0; i < kCells[table]; ++i) {
        next.cells.push_back(std::string(row.text(i)) + "|" + std::to_string(row.number(i)));
      }
      EXPECT_EQ(row.text(kCells[table]), "") << "a cell too many, table " << table;
    });
    EXPECT_TRUE(done.ok()) << "table " << table << ": " << done.to_string();
    return out;
  }

  std::optional<SpireSource> source_;
};

TEST_F(SpireSourceSuite, SaysWhichDatabaseItOpened) {
  const SpireReader reader = must_open();
  EXPECT_FALSE(reader.database().name.empty());
  EXPECT_GE(reader.database().schema, 23);
  EXPECT_FALSE(reader.database().content.empty());
  EXPECT_EQ(must_open().database().content, reader.database().content) << "nothing has changed";
  EXPECT_TRUE(reader.check_idle().ok()) << reader.check_idle().to_string();
}

TEST_F(SpireSourceSuite, ReadsEachTableInOrder) {
  const SpireReader reader = must_open();
  for (std::uint32_t table = 1; table <= SIGNET_SPIRE_TABLES; ++table) {
    const bool of_others =
        (table >= SIGNET_SPIRE_SELECTORS && table <= SIGNET_SPIRE_FEDERATES_WITH) ||
        table == SIGNET_SPIRE_AGENT_SELECTORS;
    std::int64_t last = 0;
    for (const Row& row : rows(reader, table)) {
      EXPECT_GE(row.id, of_others ? std::max<std::int64_t>(last, 1) : last + 1) << table;
      last = row.id;
    }
  }
  EXPECT_FALSE(rows(reader, SIGNET_SPIRE_BUNDLES).empty()) << "a server has its own at least";
}

TEST_F(SpireSourceSuite, PiecesAreTheWhole) {
  const SpireReader reader = must_open();
  for (std::uint32_t table = 1; table <= SIGNET_SPIRE_TABLES; ++table) {
    const std::vector<Row> whole = rows(reader, table);
    const std::int64_t end = whole.empty() ? 0 : whole.back().id;
    std::vector<Row> pieces;
    for (std::int64_t id = 0; id < end; ++id) {
      for (Row& row : rows(reader, table, id, id + 1)) pieces.push_back(std::move(row));
    }
    EXPECT_EQ(pieces, whole) << table;
    const std::vector<Row> first = rows(reader, table, 0, INT64_MAX, 1);
    EXPECT_EQ(first.size(), whole.empty() ? 0u : 1u) << table;
    if (!first.empty()) {
      EXPECT_EQ(first.front().id, whole.front().id) << table;
    }
    EXPECT_TRUE(rows(reader, table, end).empty()) << table;
    EXPECT_TRUE(rows(reader, table, 5, 5).empty()) << table;
  }
}

TEST_F(SpireSourceSuite, ReadersSeeTheSame) {
  const SpireReader one = must_open();
  const SpireReader two = must_open();
  for (std::uint32_t table = 1; table <= SIGNET_SPIRE_TABLES; ++table) {
    EXPECT_EQ(rows(one, table), rows(two, table)) << table;
  }
}

TEST_F(SpireSourceSuite, ATableThatIsNoneIsAnError) {
  const SpireReader reader = must_open();
  for (const std::uint32_t table : {0u, SIGNET_SPIRE_TABLES + 1u, UINT32_MAX}) {
    EXPECT_EQ(reader.read(table, 0, 1, 1, [](const SpireRow&) {}).code(), Code::kInvalidArgument);
  }
  EXPECT_FALSE(rows(reader, SIGNET_SPIRE_BUNDLES).empty()) << "and the reader goes on";
}

TEST_F(SpireSourceSuite, WhatIsNoSpireDatabaseIsNotOpened) {
  for (const char* settings :
       {"", "[]", "{", R"({"database_type": "oracle", "connection_string": "x"})"}) {
    const auto reader = source_->open(settings, false);
    ASSERT_FALSE(reader) << settings;
    EXPECT_EQ(reader.status().code(), Code::kInvalidArgument) << settings;
    EXPECT_FALSE(reader.status().message().empty());
  }
  const auto reader = source_->open(
      R"({"database_type": "sqlite3", "connection_string": "/nowhere/to/be.found"})", false);
  ASSERT_FALSE(reader);
  EXPECT_FALSE(std::filesystem::exists("/nowhere"));
}

}  // namespace
}  // namespace signet::conformance

int main(int argc, char** argv) {
  return signet::conformance::run_suite(
      argc, argv, signet::conformance::plugin(), [] {},
      {{"--spire-data-store", &signet::conformance::spire_data_store()}});
}
