#include "spire_import/spire_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/encoding.h"
#include "crypto/hash.h"
#include "entry_record.h"
#include "spire_import_rig.h"
#include "trust_bundles.h"

namespace signet::server::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(SpireImportTest, CountsWithoutWriting) {
  const auto counts = import().look(keys_);
  ASSERT_TRUE(counts) << counts.status().to_string();
  EXPECT_THAT(counts->records, ElementsAre(2, 2, 1, 2, 1, 1));
  EXPECT_EQ(counts->banned_agents, 1u);
  EXPECT_EQ(counts->expired_tokens, 1u);
  EXPECT_TRUE(counts->own_bundle);
  EXPECT_TRUE(counts->own_journal);
  EXPECT_FALSE(import().look({})->own_journal);
  EXPECT_EQ(host_.store().revision(), 0u);
}

TEST_F(SpireImportTest, BringsEveryFieldOver) {
  const Status done = run();
  ASSERT_TRUE(done.ok()) << done.to_string();

  const auto* e1 = host_.store().find("entry", "e1");
  ASSERT_NE(e1, nullptr);
  Record stored;
  stored.body = e1->body;
  const auto entry = entry_from_record(stored);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->spiffe_id().path(), "/a");
  EXPECT_EQ(entry->parent_id().path(), "/n");
  EXPECT_EQ(entry->x509_svid_ttl(), 60);
  EXPECT_EQ(entry->jwt_svid_ttl(), 30);
  EXPECT_TRUE(entry->admin());
  EXPECT_FALSE(entry->downstream());
  EXPECT_EQ(entry->expires_at(), 7'000'000'000);
  EXPECT_EQ(e1->expires_at, 7'000'000'000);
  EXPECT_EQ(entry->revision_number(), 3);
  EXPECT_EQ(entry->created_at(), 1'600'000'000);
  EXPECT_EQ(entry->hint(), "hint");
  EXPECT_TRUE(entry->additional_attributes().jwt_svid_include_jti());
  EXPECT_THAT(entry->dns_names(), ElementsAre("z.example.org", "a.example.org"));
  EXPECT_THAT(entry->federates_with(), ElementsAre("other.org"));
  EXPECT_EQ(entry->selectors_size(), 2);
  EXPECT_TRUE(e1->keys.contains({"selector", "unix:uid:1"}));
  EXPECT_TRUE(e1->keys.contains({"federates_with", "other.org"}));
  EXPECT_TRUE(e1->keys.contains({"admin", "1"}));

  const auto* x = host_.store().find("agent", "spiffe://example.org/spire/agent/x509pop/1");
  ASSERT_NE(x, nullptr);
  store::v1::Agent agent;
  ASSERT_TRUE(agent.ParseFromString(x->body));
  EXPECT_EQ(agent.serial_number(), "11");
  EXPECT_EQ(agent.new_serial_number(), "12");
  EXPECT_EQ(agent.new_expires_at(), agent.expires_at() + 1);
  EXPECT_EQ(agent.agent_version(), "1.15.3");
  EXPECT_TRUE(x->keys.contains({"can_reattest", "1"}));
  EXPECT_TRUE(x->keys.contains({"selector", "x509pop:subject:cn:a"}));
  const auto* banned = host_.store().find("agent", "spiffe://example.org/spire/agent/join_token/2");
  ASSERT_NE(banned, nullptr);
  EXPECT_TRUE(banned->keys.contains({"banned", "1"}));

  Record own;
  own.body = host_.store().find("bundle", "example.org")->body;
  const auto bundle = bundle_from_record(own);
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->sequence_number(), 7u);
  EXPECT_EQ(bundle->refresh_hint(), 60);
  EXPECT_TRUE(bundle->x509_authorities(0).tainted());
  EXPECT_EQ(bundle->jwt_authorities(0).key_id(), "kid-1");
  EXPECT_NE(host_.store().find("bundle", "other.org"), nullptr);

  store::v1::Federation federation;
  ASSERT_TRUE(federation.ParseFromString(host_.store().find("federation", "other.org")->body));
  EXPECT_EQ(federation.relationship().https_spiffe().endpoint_spiffe_id(), "spiffe://other.org/s");
  ASSERT_TRUE(federation.ParseFromString(host_.store().find("federation", "web.org")->body));
  EXPECT_TRUE(federation.relationship().has_https_web());

  const auto tokens = host_.store().all("join_token");
  ASSERT_EQ(tokens.size(), 1u);
  EXPECT_EQ(tokens[0]->id, crypto::hex_encode(crypto::sha256(std::string_view("token-2"))));
  EXPECT_EQ(tokens[0]->expires_at, host_.now() + 600);
  EXPECT_THAT(tokens[0]->body, ::testing::Not(HasSubstr("token-2")));
}

TEST_F(SpireImportTest, TheServerGoesOnWithTheSameAuthorities) {
  ASSERT_TRUE(run().ok());
  AuthoritiesServer server(host_);
  const Status started = server.start();
  ASSERT_TRUE(started.ok()) << started.to_string();
  EXPECT_FALSE(server.authorities.began_anew());
  EXPECT_EQ(server.authorities.journal_id(), "spire-4");
  const auto ca = server.authorities.x509();
  EXPECT_EQ(crypto::to_string(ca->certificate.spki()), keys_[0].public_key);
  EXPECT_EQ(server.authorities.jwt()->authority_id, "kid-1");
  EXPECT_EQ(server.bundles.own()->message.sequence_number(), 7u) << "nothing was published anew";
}

TEST_F(SpireImportTest, CutOffAnywhereItCompletesWhenRunAgain) {
  add_many(1100);
  ASSERT_TRUE(run().ok());
  const auto whole = content();
  ASSERT_EQ(whole.size(), 1100u + 9);
  int turns = 0;
  for (int cut = 1;; ++cut) {
    QuietHost other;
    other.set_time(host_.now());
    const Datastore store = *Datastore::acquire(other.host());
    // Stops before turn `cut`, or (odd) loses the commit of that turn.
    turns = 0;
    const auto go_on = [&] {
      if (++turns != cut) return true;
      other.store().fail_commits = cut % 2;
      return cut % 2 == 1;
    };
    SpireImport first(*reader_, domain_, host_.now(), go_on);
    const Status stopped = first.write(store, [](SpireStep, std::uint64_t) {});
    if (stopped.ok() && turns < cut) break;
    SpireImport second(*reader_, domain_, host_.now(), [] { return true; });
    if (!stopped.ok()) {
      EXPECT_FALSE(refuse_unfinished_import(store).ok()) << "no server runs on half of it";
      const auto state = second.check_target(store);
      ASSERT_TRUE(state) << state.status().to_string();
      EXPECT_EQ(*state, SpireImport::State::kBegun);
      const Status done = second.write(store, [](SpireStep, std::uint64_t) {});
      ASSERT_TRUE(done.ok()) << "cut " << cut << ": " << done.to_string();
    }
    EXPECT_TRUE(refuse_unfinished_import(store).ok());
    EXPECT_EQ(*second.check_target(store), SpireImport::State::kFinished);
    std::map<std::string, std::string> there;
    for (const auto& [id, body] : whole) {
      const auto slash = id.find('/');
      const auto* record = other.store().find(id.substr(0, slash), id.substr(slash + 1));
      ASSERT_NE(record, nullptr) << id << " after cut " << cut;
      EXPECT_EQ(record->body, body);
    }
    EXPECT_EQ(other.store().all("entry").size(), 1101u);
  }
  EXPECT_GT(turns, 10) << "every transaction was cut";
}

TEST_F(SpireImportTest, AFinishedOneNeverWritesAgain) {
  ASSERT_TRUE(run().ok());
  {
    const Datastore store = datastore();
    auto tx = *store.write();
    ASSERT_TRUE(tx.erase("entry", "e1").ok());
    ASSERT_TRUE(tx.commit());
  }
  const auto before = content();
  const std::uint64_t revision = host_.store().revision();
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(content(), before) << "what was deleted since stays deleted";
  EXPECT_EQ(host_.store().revision(), revision);
}

TEST_F(SpireImportTest, ItGoesOnOnlyWithTheSameContent) {
  int turns = 0;
  ASSERT_FALSE(run([&] { return ++turns < 16; }).ok());
  ASSERT_NE(host_.store().revision(), 0u) << "it had begun";
  reader_.reset();
  spire_.content = "changed";
  reader_.emplace(*source_->open("{}", false));
  const auto state = import().check_target(datastore());
  ASSERT_FALSE(state);
  EXPECT_THAT(state.status().message(),
              HasSubstr("the beginning of an import from a SPIRE database, which has changed"));
}

TEST_F(SpireImportTest, ASourceInUseAtTheEndLeavesItUnfinished) {
  spire_.idle = false;
  EXPECT_EQ(run().code(), Code::kFailedPrecondition);
  EXPECT_FALSE(refuse_unfinished_import(datastore()).ok());
  spire_.idle = true;
  EXPECT_TRUE(run().ok());
  EXPECT_TRUE(refuse_unfinished_import(datastore()).ok());
}

// The other one does all of its work while this one looks, or in the middle of its writing.
TEST_F(SpireImportTest, TwoAtOnceDoNotMix) {
  for (const int turn : {10, 16}) {
    QuietHost other;
    const Datastore store = *Datastore::acquire(other.host());
    const auto whole = [&](std::function<bool()> go_on) -> Status {
      SpireImport one(*reader_, domain_, host_.now(), std::move(go_on));
      SIGNET_RETURN_IF_ERROR(one.look(keys_).status());
      return one.write(store, [](SpireStep, std::uint64_t) {});
    };
    int turns = 0;
    const Status beaten = whole([&] {
      if (++turns == turn) {
        EXPECT_TRUE(whole([] { return true; }).ok());
      }
      return true;
    });
    EXPECT_EQ(beaten.code(), Code::kAborted) << beaten.to_string();
    EXPECT_EQ(other.store().all("entry").size(), 1u);
    EXPECT_TRUE(refuse_unfinished_import(store).ok());
  }
}

TEST_F(SpireImportTest, NeedsAnEmptyDatastore) {
  const auto write = [&](const std::string& domain) {
    spire::api::types::Entry entry;
    entry.set_id("there");
    entry.mutable_spiffe_id()->set_trust_domain(domain);
    entry.mutable_spiffe_id()->set_path("/x");
    Record record = entry_to_record(entry);
    const Datastore store = datastore();
    auto tx = *store.write();
    ASSERT_TRUE(tx.put(record).ok());
    ASSERT_TRUE(tx.commit());
  };
  write("example.org");
  EXPECT_THAT(run().message(), HasSubstr("holds records already (1 of kind entry)"));
  write("foreign.org");
  EXPECT_THAT(run().message(), HasSubstr("holds data of trust domain \"foreign.org\", the SPIRE "
                                         "server is of \"example.org\""));
}

// One bad row of each sort; each is named, and nothing is written.
TEST_F(SpireImportTest, RowsThatCannotBeTakenOverAreNamed) {
  using Cells = std::vector<FakeSpire::Cell>;
  const std::string id = "spiffe://example.org/a";
  const std::string parent = "spiffe://example.org/n";
  const auto entry = [&](std::int64_t row, Cells cells) {
    cells.resize(13);
    spire_.add(SIGNET_SPIRE_ENTRIES, row, std::move(cells));
    spire_.add(SIGNET_SPIRE_SELECTORS, row, {"unix", "uid:1"});
  };
  entry(20, {"bad-id", "spiffe://example.org/../a", parent});
  entry(21, {"no-id", "", parent});
  entry(22, {"foreign", "spiffe://foreign.org/a", parent});
  entry(23, {"reserved", "spiffe://example.org/spire/server", parent});
  entry(24, {"", id, parent});
  entry(25, {"ttl", id, parent, std::int64_t{-1}});
  entry(26, {"hint", id, parent, 0, 0, 0, 0, 0, 0, 0, "\xff"});
  entry(27, {"attributes", id, parent, 0, 0, 0, 0, 0, 0, 0, "", "\x0f"});
  spire_.add(SIGNET_SPIRE_ENTRIES, 28, {"no-selectors", id, parent});
  entry(29, {"dns", id, parent});
  spire_.add(SIGNET_SPIRE_DNS_NAMES, 29, {"not a name"});
  spire_.add(SIGNET_SPIRE_AGENTS, 7, {"spiffe://example.org/no-agent", "t", "1"});
  spire_.add(SIGNET_SPIRE_AGENTS, 8, {"spiffe://example.org/spire/agent/x", "t", "0x1"});
  spire_.add(SIGNET_SPIRE_BUNDLES, 9, {"spiffe://third.org", "\xff"});
  spire_.add(SIGNET_SPIRE_BUNDLES, 10, {"spiffe://third.org", ""});
  spire_.add(SIGNET_SPIRE_FEDERATION, 9, {"third.org", "http://third.org", "https_web", ""});
  spire_.add(SIGNET_SPIRE_FEDERATION, 10, {"third.org", "https://third.org", "ftp", ""});
  spire_.add(SIGNET_SPIRE_JOIN_TOKENS, 9, {"", std::int64_t{7}});
  spire_.add(SIGNET_SPIRE_CA_JOURNALS, 9, {"\xff"});
  const std::string told = problem();
  EXPECT_THAT(told, HasSubstr("18 rows of the SPIRE database cannot be taken over"));
  for (const char* each :
       {"registered_entries, row 20: spiffe_id", "registered_entries, row 21: spiffe_id",
        "registered_entries, row 22: invalid spiffe ID",
        "registered_entries, row 23: invalid spiffe ID",
        "registered_entries, row 24: entry_id is empty",
        "registered_entries, row 25: ttl -1 is out of range",
        "registered_entries, row 26: hint is not UTF-8",
        "registered_entries, row 27: additional_attributes cannot be read",
        "registered_entries, row 28: selector list is empty",
        "registered_entries, row 29: invalid DNS name", "attested_node_entries, row 7: spiffe_id",
        "attested_node_entries, row 8: serial_number \"0x1\" is no serial number",
        "bundles, row 9: data cannot be read", "bundles, row 10: data is the bundle of \"\"",
        "federated_trust_domains, row 9: bundle endpoint URL must use the https scheme",
        "federated_trust_domains, row 10: bundle_endpoint_profile \"ftp\" is not known",
        "join_tokens, row 9: token is empty", "ca_journals, row 9: data cannot be read"}) {
    EXPECT_THAT(told, HasSubstr(each));
  }
  EXPECT_FALSE(run().ok());
  EXPECT_EQ(host_.store().revision(), 0u);
}

TEST_F(SpireImportTest, ThousandsOfBadRowsAreCounted) {
  for (int i = 0; i < 3000; ++i)
    spire_.add(SIGNET_SPIRE_JOIN_TOKENS, 100 + i, {"", std::int64_t{1}});
  EXPECT_THAT(problem(), AllOf(HasSubstr("3000 rows"), HasSubstr("and 2980 more")));
}

}  // namespace
}  // namespace signet::server::testing
