// "signet.spire_source/1" over SPIRE's tables, on each database.
#include "signet/spire_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

#include "backend.h"
#include "spire_fixture.h"
#include "sql_datastore.h"

namespace signet::datastore_sql {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SpireSourceTest : public testing::Test {
 protected:
  SpireSourceTest() {
    host_.offer(SIGNET_SPIRE_SOURCE, to_abi(&plugin_), SqlDatastore::service(SIGNET_SPIRE_SOURCE));
    source_.emplace(*SpireSource::acquire(Host(host_.abi())));
  }

  void make(int schema) { sql(spire_tables(backend_->dialect(), schema)); }
  void sql(const std::string& text) { backend_->run_sql(text); }
  std::string blob(const char* hex) const { return spire_blob(backend_->dialect(), hex); }

  Result<SpireReader> open() { return source_->open(backend_->plugin_data(), false); }
  std::string refusal() {
    const auto reader = open();
    EXPECT_FALSE(reader);
    if (reader) return {};
    EXPECT_EQ(reader.status().code(), Code::kFailedPrecondition) << reader.status().to_string();
    return reader.status().message();
  }

  // All rows as "id|cell|cell", numbers and texts alike.
  static std::vector<std::string> rows(const SpireReader& reader, std::uint32_t table,
                                       std::size_t cells, std::int64_t after = 0,
                                       std::int64_t upto = INT64_MAX, std::uint32_t limit = 0) {
    std::vector<std::string> out;
    const Status read = reader.read(table, after, upto, limit, [&](const SpireRow& row) {
      std::string line = std::to_string(row.id());
      for (std::size_t i = 0; i < cells; ++i) {
        const std::string_view text = row.text(i);
        line += "|" + (text.empty() ? std::to_string(row.number(i)) : std::string(text));
      }
      out.push_back(line);
    });
    EXPECT_TRUE(read.ok()) << read.to_string();
    return out;
  }

  const std::unique_ptr<Backend> backend_ = new_backend();
  fakes::FakeHost host_;
  SqlDatastore plugin_{Host(host_.abi()), "sql"};
  std::optional<SpireSource> source_;
};

TEST_F(SpireSourceTest, ReadsEveryTable) {
  make(25);
  sql("INSERT INTO bundles (trust_domain, data) VALUES ('spiffe://example.org', " + blob("0a0161") +
      "), ('spiffe://other.org', NULL);"
      "INSERT INTO registered_entries (created_at, entry_id, spiffe_id, parent_id, ttl, admin, "
      "downstream, expiry, revision_number, store_svid, hint, jwt_svid_ttl, additional_attributes) "
      "VALUES ('2026-01-02 03:04:05.999+00:00', 'e1', 'spiffe://example.org/a', "
      "'spiffe://example.org/n', 60, '1', '0', 7000000000, 3, '1', 'h', 30, " +
      blob("0801") +
      "), (NULL, 'e2', 'spiffe://example.org/b', 'spiffe://example.org/n', 0, '0', '1', 0, 0, '0', "
      "'', 0, NULL);"
      "INSERT INTO selectors (registered_entry_id, type, value) VALUES (1, 'unix', 'uid:1'), "
      "(2, 'unix', 'uid:2'), (1, 'unix', 'gid:1');"
      "INSERT INTO dns_names (registered_entry_id, value) VALUES (2, 'z.example.org'), "
      "(2, 'b.example.org');"
      "INSERT INTO federated_registration_entries VALUES (2, 1);"
      "INSERT INTO attested_node_entries (spiffe_id, data_type, serial_number, expires_at, "
      "new_serial_number, new_expires_at, can_reattest, agent_version) VALUES "
      "('spiffe://example.org/spire/agent/x', 'x509pop', '11', '2026-01-02 05:04:05+02:00', '12', "
      "'2026-01-02 03:04:06.5+00:00', '1', '1.15.3'), "
      "('spiffe://example.org/spire/agent/y', 'join_token', '', '0001-01-01 00:00:00+00:00', '', "
      "NULL, '0', NULL);"
      "INSERT INTO node_resolver_map_entries (spiffe_id, type, value) VALUES "
      "('spiffe://example.org/spire/agent/y', 't', 'v'), ('spiffe://example.org/gone', 't', 'v');"
      "INSERT INTO federated_trust_domains (trust_domain, bundle_endpoint_url, "
      "bundle_endpoint_profile, endpoint_spiffe_id, implicit) VALUES ('other.org', 'https://o', "
      "'https_spiffe', 'spiffe://other.org/s', '0');"
      "INSERT INTO join_tokens (token, expiry) VALUES ('t1', 1800000000);"
      "INSERT INTO ca_journals (data, active_x509_authority_id) VALUES (" +
      blob("414243") + ", 'aa')");
  const auto reader = open();
  ASSERT_TRUE(reader) << reader.status().to_string();
  EXPECT_EQ(reader->database().schema, 25);
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_BUNDLES, 2), ElementsAre("1|spiffe://example.org|\x0a\x01"
                                                                  "a",
                                                                  "2|spiffe://other.org|0"));
  EXPECT_THAT(
      rows(*reader, SIGNET_SPIRE_ENTRIES, 13),
      ElementsAre("1|e1|spiffe://example.org/a|spiffe://example.org/n|60|30|1|0|7000000000|3|1|h|"
                  "\x08\x01|1767323046",
                  "2|e2|spiffe://example.org/b|spiffe://example.org/n|0|0|0|1|0|0|0|0|0|0"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_SELECTORS, 2),
              ElementsAre("1|unix|uid:1", "1|unix|gid:1", "2|unix|uid:2"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_DNS_NAMES, 1),
              ElementsAre("2|z.example.org", "2|b.example.org"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_FEDERATES_WITH, 1), ElementsAre("1|spiffe://other.org"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_AGENTS, 8),
              ElementsAre("1|spiffe://example.org/spire/agent/x|x509pop|11|1767323045|12|"
                          "1767323047|1|1.15.3",
                          "2|spiffe://example.org/spire/agent/y|join_token|0|0|0|0|0|0"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_AGENT_SELECTORS, 2), ElementsAre("2|t|v"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_FEDERATION, 4),
              ElementsAre("1|other.org|https://o|https_spiffe|spiffe://other.org/s"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_JOIN_TOKENS, 2), ElementsAre("1|t1|1800000000"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_CA_JOURNALS, 1), ElementsAre("1|ABC"));
  EXPECT_EQ(reader->read(0, 0, 1, 1, [](const SpireRow&) {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(reader->read(SIGNET_SPIRE_TABLES + 1, 0, 1, 1, [](const SpireRow&) {}).code(),
            Code::kInvalidArgument);
  EXPECT_TRUE(reader->check_idle().ok());
}

TEST_F(SpireSourceTest, ReadsAPieceAtATime) {
  make(25);
  sql("INSERT INTO join_tokens (token, expiry) VALUES ('a', 1), ('b', 1), ('c', 1), ('d', 1)");
  const auto reader = open();
  ASSERT_TRUE(reader) << reader.status().to_string();
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_JOIN_TOKENS, 1, 1, INT64_MAX, 2),
              ElementsAre("2|b", "3|c"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_JOIN_TOKENS, 1, 1, 2), ElementsAre("2|b"));
  EXPECT_THAT(rows(*reader, SIGNET_SPIRE_JOIN_TOKENS, 1, 4), IsEmpty());
}

TEST_F(SpireSourceTest, OlderSchemasLackColumns) {
  for (const int schema : {23, 24}) {
    const auto backend = new_backend();
    backend->run_sql(spire_tables(backend->dialect(), schema) +
                     "INSERT INTO registered_entries (entry_id, hint) VALUES ('e1', 'h');"
                     "INSERT INTO attested_node_entries (spiffe_id) VALUES ('a')");
    const auto reader = source_->open(backend->plugin_data(), false);
    ASSERT_TRUE(reader) << reader.status().to_string();
    EXPECT_EQ(reader->database().schema, schema);
    EXPECT_THAT(rows(*reader, SIGNET_SPIRE_ENTRIES, 13),
                ElementsAre("1|e1|0|0|0|0|0|0|0|0|0|h|0|0"));
    EXPECT_THAT(rows(*reader, SIGNET_SPIRE_AGENTS, 8), ElementsAre("1|a|0|0|0|0|0|0|0"));
  }
}

TEST_F(SpireSourceTest, RefusesSchemasItDoesNotKnow) {
  make(25);
  sql("UPDATE migrations SET version = 26");
  EXPECT_THAT(refusal(), HasSubstr("has SPIRE's schema 26; schemas 23 to 25 can be imported: it "
                                   "needs a newer Signet"));
  sql("UPDATE migrations SET version = 22");
  EXPECT_THAT(refusal(), HasSubstr("run a SPIRE 1.15 server on it first"));
  sql("DELETE FROM migrations");
  EXPECT_THAT(refusal(), HasSubstr("has SPIRE's schema 0"));
}

TEST_F(SpireSourceTest, RefusesDamagedTables) {
  make(25);
  sql("ALTER TABLE registered_entries RENAME COLUMN hint TO tint");
  EXPECT_THAT(refusal(), HasSubstr("has no column registered_entries.hint"));
  sql("ALTER TABLE registered_entries RENAME COLUMN tint TO hint; DROP TABLE dns_names");
  EXPECT_THAT(refusal(), HasSubstr("has no table dns_names"));
  sql("DROP TABLE migrations");
  EXPECT_THAT(refusal(), HasSubstr("is no SPIRE database"));
}

TEST_F(SpireSourceTest, AColumnNobodyKnowsMustBeEmpty) {
  make(25);
  sql("ALTER TABLE registered_entries ADD COLUMN deleted_at integer;"
      "INSERT INTO registered_entries (entry_id) VALUES ('e1')");
  EXPECT_TRUE(open());
  sql("UPDATE registered_entries SET deleted_at = 0");
  EXPECT_THAT(refusal(), HasSubstr("has a column registered_entries.deleted_at that this program "
                                   "does not know, with values in 1 rows"));
}

TEST_F(SpireSourceTest, TellsWhetherTheContentIsTheSame) {
  make(25);
  sql("INSERT INTO join_tokens (updated_at, token) VALUES ('2026-01-02 03:04:05+00:00', 'a')");
  const auto content = [&] { return open()->database().content; };
  const std::string first = content();
  EXPECT_EQ(content(), first);
  sql("UPDATE join_tokens SET updated_at = '2026-01-02 03:04:06+00:00'");
  const std::string changed = content();
  EXPECT_NE(changed, first);
  sql("INSERT INTO federated_registration_entries VALUES (1, 1)");
  EXPECT_NE(content(), changed);
}

TEST_F(SpireSourceTest, ItsSettingsAreSpiresOwn) {
  for (const char* settings : {R"({"database_type":"mysql","connection_string":"x"})", "{}", "["}) {
    const auto reader = source_->open(settings, false);
    EXPECT_EQ(reader.status().code(), Code::kInvalidArgument) << settings;
  }
}

}  // namespace
}  // namespace signet::datastore_sql
